"""A leaderboard: what is printed, written and plotted, as frozen data. Made by `harness.score.scoring`."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.score.options import ScoreOptions
from harness.score.results import Clock, Provenance, ScoredWorkload, Source
from harness.score.times import Floats

UNITS: dict[Clock, str] = {"time": "s", "steps": "steps", "cpu_time": "CPU s"}


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; NaN at both ends where nothing is known (one study, or no bootstrap)."""

    low: float
    high: float


UNKNOWN = Interval(float("nan"), float("nan"))


@dataclass(frozen=True)
class Speedup:
    """Geometric mean over workloads of (reference's median time / the submission's), on the base workloads that both reached.

    Above 1 is faster. NaN where there is no such workload.
    """

    ratio: float
    interval: Interval
    workloads: int


@dataclass(frozen=True)
class Entry:
    """One row of the board; its rank follows from `score` alone.

    `counted` are the base workloads that add to the score: reached, variants too, within 4 x the best. `clock_scores` are the scores of the
    same trials on each clock; NaN where it was not recorded.
    """

    rank: int
    submission: str
    score: float
    clock_scores: Mapping[Clock, float]
    interval: Interval
    reached: int
    counted: int
    speedup: Speedup
    step_speedup: Speedup
    rank_probabilities: tuple[float, ...]
    studies: tuple[int, int]
    trials: int
    trials_reached: int
    sandbox: str
    host_memory_bytes: int
    device_memory_bytes: int
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One submission on one workload: study times on the board's clock (infinite: missed), medians, verdicts and why it missed."""

    submission: str
    workload: str
    study_times: tuple[float, ...]
    median: float
    median_s: float
    median_steps: float
    ratio: float
    trials: int
    verdicts: tuple[tuple[str, int], ...]
    best_metric: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study of a submission on a workload: the readings of all clocks when its trial reached the target; infinite: missed.

    `verdict` is `reached`, or those of its trials, joined by +. For `overlap_s` seconds another trial ran on the machine of its trial (of
    all its trials where it missed); NaN where unknown.
    """

    submission: str
    workload: str
    number: int
    time_s: float
    steps: float
    cpu_time_s: float
    reached: bool
    verdict: str
    overlap_s: float


@dataclass(frozen=True)
class ProfileBands:
    """Profiles rho(tau) with pointwise 95 % bands; S submissions in the order of the board's entries, T taus."""

    taus_T: Floats
    rho_ST: Floats
    low_ST: Floats
    high_ST: Floats


@dataclass(frozen=True)
class Pair:
    """`first` against `second`: the geometric mean of first's time / second's over the `workloads` that both reached.

    `interval` is for these workloads (run-to-run noise alone), `elsewhere` for other workloads like them (spread over workloads). `p` is
    that of equality, with misses as evidence (`harness.score.pairwise.compare_studies`); `p_adjusted` allows for all pairs of the board.
    `verdict` says it in words.
    """

    first: str
    second: str
    ratio: float
    interval: Interval
    elsewhere: Interval
    workloads: int
    only_first: int
    only_second: int
    p: float
    p_adjusted: float
    verdict: str


@dataclass(frozen=True)
class LeaveOneOut:
    """What becomes of a submission's score and rank when a workload or another submission is left out."""

    kind: str
    left_out: str
    submission: str
    score: float
    score_change: float
    rank: int
    rank_change: int


@dataclass(frozen=True)
class RuleChange:
    """How a submission fares under both rule sets, and why in words."""

    submission: str
    score_algoperf: float
    score_finishline: float
    rank_algoperf: int
    rank_finishline: int
    why: str


@dataclass(frozen=True)
class Board:
    """A leaderboard with all that belongs to it. Entries are in rank order, everything else follows that order or the workloads'."""

    source: Source
    ruleset: str
    options: ScoreOptions
    reference: str
    workloads: tuple[ScoredWorkload, ...]
    entries: tuple[Entry, ...]
    cells: tuple[Cell, ...]
    studies: tuple[Study, ...]
    profiles: ProfileBands
    pairs: tuple[Pair, ...]
    leave_one_out: tuple[LeaveOneOut, ...]
    rule_changes: tuple[RuleChange, ...]
    notes: tuple[str, ...]
    differences: tuple[str, ...]
    head: tuple[str, ...]
    signature: str
    digest: str
    unsandboxed: int
    provenance: Provenance
