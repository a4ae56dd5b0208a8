"""The result of a trial: record.json at its end, attempts.jsonl with the records of earlier attempts (docs/ledger.md has all fields)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Literal, assert_never

from harness.base.files import write_atomically
from harness.ledger.paths import TrialKey, TrialPaths
from harness.ledger.reading import convert, damaged, decode_values, encode, read_bytes, write_json
from harness.ledger.rows import Count, Row, Seconds
from harness.ledger.spec import TrialSpec
from harness.workload import Direction

Verdict = Literal["reached", "missed", "diverged", "crashed", "out_of_memory", "timed_out", "stopped", "rejected"]
Meaning = Literal["reached", "miss", "failure", "stop"]


def meaning(verdict: Verdict) -> Meaning:
    """Returns what a verdict means to everything that decides by it; a verdict that is added must be given its meaning here.

    reached: the target was reached. miss: the trial is over and did not reach it. failure: the runner failed by itself; the trial may be
    tried again, its time stays charged. stop: racing ended it; it may go on.
    """
    match verdict:
        case "reached":
            return "reached"
        case "missed" | "diverged" | "rejected":
            return "miss"
        case "crashed" | "out_of_memory" | "timed_out":
            return "failure"
        case "stopped":
            return "stop"
        case _:
            assert_never(verdict)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How fast the machine was just before, and by what fraction faster than when it was calibrated, if it was."""

    speed: float | None = None
    deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One process that ran (a part of) the trial; `time_s` is what it put on the clock and what was kept, the last two are its `Probe`."""

    host: str
    device: str
    started_at: str
    first_evaluation: Count
    time_s: Seconds
    probe: float | None = None
    speed_deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of a trial.

    It is bound to what its trial is made of: `chain` is the last one of its rows, and there are the hashes of spec, source and weights.
    `cpu_clock` says where the CPU seconds come from: `cgroup`, `proc`, or `partial` (not all processes were seen).
    """

    campaign: str | None
    submission: str
    source_hash: str
    workload: str
    workload_version: int
    variant_of: str | None
    metric: str
    direction: Direction
    target: float
    ruleset: str
    budget_s: float
    evaluate_every: int
    study: int
    trial: int
    seed: int
    hp: Mapping[str, float | int | str | bool | list[Any]]
    verdict: Verdict
    reason: str
    reached: Row | None
    last: Row | None
    best_metric: float | None
    time_s: Seconds
    cpu_time_s: Seconds
    steps: Count
    wall_s: Seconds
    startup_s: Seconds
    evaluation_s: Seconds
    checkpoint_s: Seconds
    frozen_cpu_s: Seconds
    host_memory_bytes: Count
    device_memory_bytes: Count
    segments: tuple[Segment, ...]
    ranks: int
    frozen_ranks: int
    sandbox: str
    hardware: str
    versions: Mapping[str, str]
    cpu_clock: Literal["cgroup", "proc", "partial"]
    salt: str | None
    weights_sha256: str | None
    spec_sha256: str
    chain: str

    @staticmethod
    def of(spec: TrialSpec, **results: Any) -> "Record":
        """Returns a record with the spec's fields and these results."""
        workload = spec.workload
        return Record(
            **{name: getattr(spec, name) for name in _FROM_SPEC},
            workload=workload.id,
            workload_version=workload.version,
            variant_of=workload.variant_of,
            metric=workload.metric,
            direction=workload.direction,
            target=workload.target,
            salt=spec.salt,
            **results,
        )

    @property
    def key(self) -> TrialKey:
        """Which trial of its campaign it is."""
        return TrialKey(self.submission, self.workload, self.study, self.trial)

    @property
    def may_go_on(self) -> bool:
        """Whether the machine or the organiser may have caused the verdict: the checkpoint stays, and the trial can be taken up again."""
        return meaning(self.verdict) in ("failure", "stop")

    @property
    def failed(self) -> bool:
        """Whether the runner failed by itself: whatever goes on goes on at the clock's reading of the failure."""
        return meaning(self.verdict) == "failure"


_FROM_SPEC = ("campaign", "submission", "source_hash", "ruleset", "budget_s", "evaluate_every", "study", "trial", "seed", "hp")


def write_record(folder: Path, record: Record) -> None:
    """Writes record.json, whole or not at all. Numbers that are not finite become null."""
    write_json(TrialPaths(folder).record, record)


def read_record(folder: Path) -> Record | None:
    """Returns the record of a trial's folder, or None when the trial has not ended.

    Raises:
        UserError: the file cannot be read, is damaged, or is of another schema.
    """
    path = TrialPaths(folder).record
    content = read_bytes(path)
    return None if content is None else decode_record(content, path)


def decode_record(content: bytes, path: Path | str) -> Record:
    """Returns the record that a file's content is; raises UserError as `read_record` does."""
    values = decode_values(content, path)
    for row in (values.get("reached"), values.get("last")):
        if isinstance(row, dict):
            row.update({name: nan for name in ("valid_metric", "valid_loss") if row.get(name, 0) is None})
    record = convert(values, Record, path)
    if (record.verdict == "reached") != (record.reached is not None):
        row_there = "no" if record.reached is None else "a"
        raise damaged(path, f"the verdict is {record.verdict} and there is {row_there} row that reached the target")
    if record.reached is not None and record.reached.time_s <= 0:
        raise damaged(path, "the target was reached at 0 s")
    return record


def keep_attempt(folder: Path) -> None:
    """Moves the record of a trial that will be gone on with to the list of its earlier attempts."""
    paths = TrialPaths(folder)
    if (record := read_record(folder)) is not None:
        before = read_bytes(paths.attempts) or b""
        write_atomically(paths.attempts, before + encode(record) + b"\n")  # defence: a failed attempt is kept
        paths.record.unlink()


def read_attempts(folder: Path) -> list[Record]:
    """Returns the records of earlier attempts at a trial, oldest first; raises UserError when one is damaged."""
    path = TrialPaths(folder).attempts
    return [decode_record(line, path) for line in (read_bytes(path) or b"").splitlines()]
