"""AlgoPerf logs cut short, as they were while the trial still ran. For files that `parse_measurements` takes."""

from math import isnan

from harness.score.measurements import TIME


def first_rows(data: bytes, rows: int) -> bytes:
    """Returns the header and the first rows of a log."""
    return b"".join(line + b"\n" for line in _lines(data)[: rows + 1])


def clock_readings(data: bytes) -> list[float]:
    """Returns the submission's seconds at each row; a row without takes those of the row before (0 at the start)."""
    lines = _lines(data)
    if not lines or TIME not in lines[0].split(b","):
        return [0.0] * (len(lines) - 1)
    column = lines[0].split(b",").index(TIME)
    readings: list[float] = []
    for line in lines[1:]:
        cell = line.split(b",", column + 1)[column].strip()
        value = float(cell) if cell else float("nan")
        readings.append((readings[-1] if readings else 0.0) if isnan(value) else value)
    return readings


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.replace(b"\r\n", b"\n").split(b"\n") if line]
