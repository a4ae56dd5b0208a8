"""Where two boards differ, column by column of their CSV files."""

import csv
import io
from math import inf, isnan

from harness.report.tables import csv_files
from harness.score.board import Board

TOLERANCE = 1e-12
Rows = list[dict[str, str]]


def rows(board: Board) -> dict[str, Rows]:
    """The CSV files of a board as read again, name to rows."""
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in csv_files(board).items()}


def differences(one: Rows, other: Rows, tolerance: float = TOLERANCE) -> dict[str, float]:
    """The columns in which two tables differ by more than `tolerance`, and by how much (infinite: in words, or in the number of rows)."""
    if not one or len(one) != len(other):
        return dict.fromkeys((one or other or [{}])[0], inf) if one or other else {}
    gaps = {name: max(_gap(a[name], b[name]) for a, b in zip(one, other, strict=True)) for name in one[0]}
    return {name: gap for name, gap in gaps.items() if gap > tolerance}


def _gap(one: str, other: str) -> float:
    if one == other:
        return 0.0
    try:
        gap = abs(float(one) - float(other))
    except ValueError:
        return inf
    return inf if isnan(gap) else gap
