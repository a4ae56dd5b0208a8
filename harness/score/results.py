"""What was run, as the scorer sees it: trials on workloads, from a ledger or from foreign logs."""

from dataclasses import dataclass
from functools import cached_property
from math import inf, isnan, nan
from typing import Literal, assert_never

from harness.ledger.paths import TrialKey
from harness.workload import Direction

Clock = Literal["time", "steps", "cpu_time"]
Rules = Literal["finishline", "algoperf"]
Source = Literal["ledger", "algoperf"]
SPEED_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReached:
    """The first evaluation at or beyond the target: its index in the trial, and the three clocks (seconds, updates, CPU seconds).

    A clock that was not recorded is NaN.
    """

    evaluation: int
    time_s: float
    steps: float
    cpu_time_s: float = nan

    def on(self, clock: Clock) -> float:
        """The reading of one clock."""
        match clock:
            case "time":
                return self.time_s
            case "steps":
                return self.steps
            case "cpu_time":
                return self.cpu_time_s
            case _:
                assert_never(clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One training run. `verdict` is a ledger verdict, or `unfinished` (no record); only a `reached` trial has `reached`.

    `time_s` and `steps` are those of the whole trial, `best_metric` the best validation value seen; NaN where unknown.
    `evaluations` counts its rows. `logged` is false for a trial that left no log at all (the reference scorer does not see such a trial).
    `speed_deviation` says by what fraction the machine was faster just before than when it was calibrated, where it deviated most; 0 where
    unknown. `cpu_clock` says where its CPU seconds come from: cgroup, proc or partial; empty where there are none. In `overlap_s` of the
    `wall_s` seconds that it was on its machine, start-up left out, another trial of the same results ran there; NaN where unknown.
    """

    key: TrialKey
    verdict: str
    reason: str
    reached: TargetReached | None = None
    best_metric: float = nan
    time_s: float = nan
    steps: float = nan
    cpu_time_s: float = nan
    logged: bool = False
    evaluations: int = 0
    host_memory_bytes: int = 0
    device_memory_bytes: int = 0
    sandbox: str = ""
    speed_deviation: float = 0.0
    cpu_clock: str = ""
    overlap_s: float = nan
    wall_s: float = nan

    @property
    def submission(self) -> str:
        """The submission's name."""
        return self.key.submission

    @property
    def workload(self) -> str:
        """The workload, as name/tier."""
        return self.key.workload

    @property
    def study(self) -> int:
        """The number of the study."""
        return self.key.study

    @property
    def trial(self) -> int:
        """The number of the trial in its study."""
        return self.key.trial

    @property
    def speed_deviates(self) -> bool:
        """Whether its machine was faster or slower by more than `SPEED_TOLERANCE` than when it was calibrated."""
        return abs(self.speed_deviation) > SPEED_TOLERANCE

    @property
    def shared_machine(self) -> bool:
        """Whether another trial ran on its machine for more than `SPEED_TOLERANCE` of its time."""
        return self.overlap_s > SPEED_TOLERANCE * self.wall_s

    def least(self, clock: Clock) -> float:
        """What the trial takes at least until the target: its time, or as long as it ran if it might have gone on; infinite for a miss."""
        if self.reached is not None:
            return self.reached.on(clock)
        if self.verdict == "unfinished":
            return 0.0
        if self.verdict != "stopped":
            return inf
        spent = TargetReached(evaluation=self.evaluations, time_s=self.time_s, steps=self.steps, cpu_time_s=self.cpu_time_s).on(clock)
        return 0.0 if isnan(spent) else spent


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredWorkload:
    """A finish line. `variant_of` names the base workload of a held-out variant and is empty for a base workload."""

    name: str
    metric: str
    direction: Direction
    target: float
    variant_of: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where results come from, each list sorted and without repeats; empty where it was not recorded.

    `campaigns` are names with their hashes, `first_start` and `last_start` when the first and the last trial started, in UTC.
    """

    campaigns: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    sandboxes: tuple[str, ...] = ()
    first_start: str = ""
    last_start: str = ""


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything a board is made from.

    `submissions` and `workloads` are sorted by name (AlgoPerf: base workloads are those of the targets file, run or not). `notes` are
    lines about what was found and left out; `differences` say what trials of one board must share and do not. `head` are the lines that a
    reader must see first: of each ledger who signed it, and which planned trials are missing; `signature` and `digest` are that of each.
    """

    source: Source
    ruleset: str
    submissions: tuple[str, ...]
    workloads: tuple[ScoredWorkload, ...]
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    signature: str = ""
    digest: str = ""
    provenance: Provenance = Provenance()

    @cached_property
    def unsandboxed(self) -> int:
        """How many trials ran without a sandbox, which promises nothing."""
        return sum(trial.sandbox == "none" for trial in self.trials)
