"""evals.csv: a row for each evaluation, appended as it happens, with a hash over itself and the row before (`harness.ledger.chain`)."""

import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from harness.base.files import write_atomically
from harness.ledger.chain import genesis, link
from harness.ledger.paths import TrialPaths

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One evaluation: where training stood, what came out, and the clock's reading. Seconds and bytes are totals so far."""

    evaluation: Count
    step: Count
    examples: Count
    time_s: Seconds
    cpu_time_s: Seconds
    valid_metric: float
    valid_loss: float
    test_metric: float | None
    startup_s: Seconds
    checkpoint_s: Seconds
    evaluation_s: Seconds
    frozen_cpu_s: Seconds
    wall_s: Seconds
    host_memory_bytes: Count
    device_memory_bytes: Count


COLUMNS = tuple(field.name for field in fields(Row))
HEADER = ",".join((*COLUMNS, "chain"))
_KINDS = {field.name: int if field.type is Count else float for field in fields(Row)}


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
    lines, chain = [HEADER], _beginning(path)
    for row in rows:
        lines.append(_chained(chain, row))
        chain = _chain_of(lines[-1])
    write_atomically(path, "\n".join(lines) + "\n")


def last_chain(path: Path) -> str:
    """Returns the chain of the last row of an evals.csv, that of spec.json where there is no row."""
    lines = _lines(path)
    return _chain_of(lines[-1]) if lines else _beginning(path)


def first_unchained(path: Path) -> int | None:
    """Returns the first row of an evals.csv, counted from 0, that does not follow from those before it and spec.json; None: all do."""
    before = _beginning(path)
    for number, line in enumerate(_lines(path)[: len(read_rows(path))]):
        before = link(before, line.rpartition(",")[0])
        if before != _chain_of(line):
            return number
    return None


def torn(path: Path, rows: int) -> str | None:
    """Returns in words what is not a row of the table although the trial has ended, given how many rows were read; None: nothing."""
    lines = path.read_bytes().decode(errors="replace").split("\n") if path.exists() else []
    if lines and lines[0] != HEADER:
        return "evals.csv: the header is not that of a ledger"
    if lines and (len(lines) - 2 != rows or lines[-1]):
        return f"evals.csv: line {rows + 2} is not a row"
    return None


def _lines(path: Path) -> list[str]:
    """The lines below the header; a last one without its end is none."""
    try:
        return path.read_bytes().decode(errors="replace").split("\n")[1:-1]
    except FileNotFoundError:
        return []


def _beginning(rows: Path) -> str:
    return genesis(TrialPaths(rows.parent).spec)


def _chain_of(line: str) -> str:
    return line.rpartition(",")[2]


def _chained(before: str, row: Row) -> str:
    """A line of evals.csv, but for its end."""
    text = ",".join("" if value is None else repr(value) for value in astuple(row))
    return f"{text},{link(before, text)}"


def _row(cells: list[str]) -> Row:
    *values, chain = cells
    if len(chain) != len(link("", "")):
        raise ValueError("the chain is cut short")
    content: dict[str, Any] = {name: _KINDS[name](cell) if cell else None for name, cell in zip(COLUMNS, values, strict=True)}
    return Row(**content)
