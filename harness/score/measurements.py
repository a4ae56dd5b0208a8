"""One `eval_measurements.csv` of the AlgoPerf logs, read by hand: a general CSV reader costs ten times as much."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.score.results import TargetReached

LONGEST_LINE = 65_536
TIME, STEPS = b"score", b"global_step"


@dataclass(frozen=True, slots=True)
class FinishLine:
    """What a trial must reach: the CSV column of the metric, the target and whether smaller is better."""

    column: bytes
    target: float
    minimize: bool


@dataclass(frozen=True, slots=True)
class Measurements:
    """What one file says: the first row that reached the target, the best metric (NaN: none), the last time and step, the number of rows,
    and the columns it lacks.

    `logged` is false when the file is absent or empty, without even a header.
    """

    reached: TargetReached | None
    best_metric: float
    time_s: float
    steps: float
    rows: int
    lacks: tuple[str, ...] = ()
    logged: bool = True


NOTHING = Measurements(None, np.nan, np.nan, np.nan, 0, logged=False)
NO_ROWS = Measurements(None, np.nan, np.nan, np.nan, 0)


def parse_measurements(data: bytes, line: FinishLine, where: str | Path) -> Measurements:
    """Reads the bytes of one file.

    A hit is the first row whose metric is at or beyond the target and whose `score` (seconds so far) is a number; NaN and empty cells are
    never a hit. A file without the metric or without `score` has no hit and says so in `lacks`.

    Raises:
        UserError: binary content, a line that is too long, a row of another width than the header, a cell that is not a number, times
            or steps that are negative or decrease. The message names file and line.
    """
    if not data.strip():
        return NOTHING
    if not data.isascii() or b"\0" in data:
        raise UserError(f"{where}: not a text file (binary bytes); restore or remove it")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    lines = data.strip(b"\n").split(b"\n")
    if b"" in lines:
        lines = [text for text in lines if text]
    if max(map(len, lines)) > LONGEST_LINE:
        number = next(i for i, text in enumerate(lines, 1) if len(text) > LONGEST_LINE)
        raise UserError(f"{where}:{number}: a line of {len(lines[number - 1]):,} characters is no table row; restore or remove the file")
    names = lines[0].split(b",")
    if STEPS not in names and TIME not in names:
        raise UserError(f"{where}:1: no column global_step or score: not an eval_measurements.csv; restore or remove the file")
    width = len(names)
    if len(set(names)) != width:
        raise UserError(f"{where}:1: a column is named twice; restore or remove the file")
    commas = [text.count(b",") for text in lines]
    if commas.count(width - 1) != len(lines):
        number = next(i for i, count in enumerate(commas, 1) if count != width - 1)
        raise UserError(
            f"{where}:{number}: {commas[number - 1] + 1} fields where the header has {width} (cut off?); repair or remove the file"
        )
    rows = len(lines) - 1
    if rows == 0:
        return NO_ROWS
    cells = b",".join(lines).split(b",")

    def column(name: bytes) -> NDArray[np.float64]:
        first = names.index(name) + width if name in names else -1
        return np.full(rows, np.nan) if first < 0 else _numbers(cells[first::width], name, where)

    times, steps, metric = column(TIME), column(STEPS), column(line.column)
    _check_clock(times, "score", where)
    _check_clock(steps, "global_step", where)
    at_target = (metric <= line.target if line.minimize else metric >= line.target) & np.isfinite(times)
    first = int(at_target.argmax())
    reached = TargetReached(evaluation=first, time_s=float(times[first]), steps=float(steps[first])) if at_target[first] else None
    known = metric[~np.isnan(metric)]
    best = float(known.min() if line.minimize else known.max()) if len(known) else np.nan
    lacks = tuple(name.decode() for name in (TIME, line.column) if name not in names)
    return Measurements(reached, best, float(times[-1]), float(steps[-1]), rows, lacks)


def _numbers(cells: list[bytes], name: bytes, where: str | Path) -> NDArray[np.float64]:
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        numbers = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if cell.strip():
            try:
                numbers[i] = float(cell)
            except ValueError:
                text = cell[:40].decode()
                raise UserError(f"{where}:{i + 2}: {name.decode()} is '{text}', not a number; repair or remove the file") from None
    return numbers


def _check_clock(readings: NDArray[np.float64], name: str, where: str | Path) -> None:
    """A clock starts at zero or later and never runs backwards; a missing reading (NaN) says nothing."""
    # in the common case there is no NaN, and both comparisons hold at once
    if readings[0] >= 0 and (readings[1:] >= readings[:-1]).all():
        return
    known = np.flatnonzero(~np.isnan(readings))
    values = readings[known]
    if len(values) and values.min() < 0:
        raise UserError(f"{where}:{known[int(values.argmin())] + 2}: {name} is negative ({values.min():g}); repair or remove the file")
    back = np.flatnonzero(np.diff(values) < 0)
    if len(back):
        at = int(back[0]) + 1
        raise UserError(f"{where}:{known[at] + 2}: {name} falls from {values[at - 1]:g} to {values[at]:g}; repair or remove the file")
