"""What came out: rows of evaluations as they happen, and the record at the end. Field by field as in docs/ledger.md."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from harness.errors import UserError
from harness.files import write_atomically
from harness.ledger import SCHEMA
from harness.ledger.chain import genesis, link
from harness.ledger.spec import TrialSpec

Verdict = Literal["reached", "missed", "diverged", "crashed", "out_of_memory", "timed_out", "stopped", "rejected"]
RESUMABLE: tuple[Verdict, ...] = ("crashed", "out_of_memory", "timed_out", "stopped")
"""Verdicts that the machine or the organiser may have caused: the checkpoint stays, and the trial can be taken up again."""


CHARGED: tuple[Verdict, ...] = ("crashed", "out_of_memory", "timed_out")
"""Verdicts of a runner that failed by itself: whatever goes on goes on at the clock's reading of the failure."""


@dataclass(frozen=True)
class Row:
    """One evaluation: where training stood, what came out, and the clock's reading. Seconds and bytes are totals so far."""

    evaluation: int
    step: int
    examples: int
    time_s: float
    cpu_time_s: float
    valid_metric: float
    valid_loss: float
    test_metric: float | None
    startup_s: float
    checkpoint_s: float
    evaluation_s: float
    frozen_cpu_s: float
    wall_s: float
    host_memory_bytes: int
    device_memory_bytes: int


COLUMNS = tuple(field.name for field in fields(Row))
HEADER = ",".join((*COLUMNS, "chain"))
_COUNTS = {"evaluation", "step", "examples", "host_memory_bytes", "device_memory_bytes"}


@dataclass(frozen=True)
class Probe:
    """How fast the machine was just before (`harness.machine.probe`), and by what share faster than when it was calibrated, if it was."""

    speed: float | None = None
    off: float | None = None


@dataclass(frozen=True)
class Segment:
    """One process that ran (a part of) the trial; `time_s` is what it put on the clock and what was kept, the last two are its `Probe`."""

    host: str
    device: str
    started_at: str
    first_evaluation: int
    time_s: float
    probe: float | None = None
    speed_deviation: float | None = None


@dataclass(frozen=True)
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
    direction: str
    target: float
    ruleset: str
    budget_s: float
    evaluate_every: int
    study: int
    trial: int
    seed: int
    hp: Mapping[str, Any]
    verdict: Verdict
    reason: str
    reached: Row | None
    last: Row | None
    best_metric: float | None
    time_s: float
    cpu_time_s: float
    steps: int
    wall_s: float
    startup_s: float
    evaluation_s: float
    checkpoint_s: float
    frozen_cpu_s: float
    host_memory_bytes: int
    device_memory_bytes: int
    segments: tuple[Segment, ...]
    ranks: int
    frozen_ranks: int
    sandbox: str
    hardware: str
    versions: Mapping[str, str]
    cpu_clock: str
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


_FROM_SPEC = ("campaign", "submission", "source_hash", "ruleset", "budget_s", "evaluate_every", "study", "trial", "seed", "hp")


def write_record(folder: Path, record: Record) -> None:
    """Writes record.json, whole or not at all. Numbers that are not finite become null."""
    write_atomically(folder / "record.json", json.dumps({"schema": SCHEMA, **_finite(asdict(record))}, indent=1) + "\n")


def read_record(folder: Path) -> Record | None:
    """Returns the record of a trial's folder, or None when the trial has not ended.

    Raises:
        UserError: the file is damaged, or of another version.
    """
    path = folder / "record.json"
    try:
        values = json.loads(path.read_text())
        if (schema := values.pop("schema")) != SCHEMA:
            raise UserError(f"{path}: schema {schema!r}, but this finishline reads {SCHEMA}: use the version that wrote it")
        for name in ("reached", "last"):
            values[name] = Row(**values[name]) if values[name] else None
        values["segments"] = tuple(Segment(**segment) for segment in values["segments"])
        return Record(**values)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        words = " ".join(str(error).split()).replace("Record.__init__() ", "")
        raise UserError(f"{path} is damaged or of another version ({words}): restore it or remove the trial's folder") from None


def append_row(path: Path, row: Row) -> None:
    """Appends an evaluation to evals.csv (with the header when it is new), chained to the row before it, and syncs it."""
    head = "" if path.exists() else f"{HEADER}\n"
    line = _chained(last_chain(path), row)
    with path.open("a") as file:
        file.write(f"{head}{line}\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> list[Row]:
    """Returns the rows of an evals.csv up to the first line that is none: a kill may have cut the last one short."""
    rows = []
    for line in _lines(path):
        try:
            rows.append(_row(line.split(",")))
        except ValueError:
            break
    return rows


def rewrite_rows(path: Path, rows: list[Row]) -> None:
    """Replaces evals.csv, atomically, with these rows."""
    lines, chain = [HEADER], genesis(_spec_of(path))
    for row in rows:
        lines.append(_chained(chain, row))
        chain = _chain_of(lines[-1])
    write_atomically(path, "\n".join(lines) + "\n")


def last_chain(path: Path) -> str:
    """Returns the chain of the last row of an evals.csv, that of spec.json where there is no row."""
    lines = _lines(path)
    return _chain_of(lines[-1]) if lines else genesis(_spec_of(path))


def unchained(path: Path) -> int | None:
    """Returns the first row of an evals.csv, counted from 0, that does not follow from those before it and spec.json; None: all do."""
    before = genesis(_spec_of(path))
    for number, line in enumerate(_lines(path)[: len(read_rows(path))]):
        before = link(before, line.rpartition(",")[0])
        if before != _chain_of(line):
            return number
    return None


def _lines(path: Path) -> list[str]:
    """The lines below the header; a last one without its end is none."""
    try:
        return path.read_bytes().decode(errors="replace").split("\n")[1:-1]
    except FileNotFoundError:
        return []


def _spec_of(path: Path) -> Path:
    return path.with_name("spec.json")


def _chain_of(line: str) -> str:
    return line.rpartition(",")[2]


def _chained(before: str, row: Row) -> str:
    """A line of evals.csv, but for its end."""
    text = ",".join("" if value is None else repr(value) for value in asdict(row).values())
    return f"{text},{link(before, text)}"


def _row(cells: list[str]) -> Row:
    def value(name: str, cell: str) -> Any:
        if not cell:
            return None
        return int(cell) if name in _COUNTS else float(cell)

    *values, chain = cells
    if len(chain) != len(link("", "")):
        raise ValueError("the chain is cut short")
    return Row(**{name: value(name, cell) for name, cell in zip(COLUMNS, values, strict=True)})


def _finite(value: Any) -> Any:
    if (isinstance(value, float) and value in (float("inf"), float("-inf"))) or value != value:
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
