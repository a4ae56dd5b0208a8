"""A board as CSV text."""

import csv
import io
import math

from harness.report.columns import FILES, Table, Value
from harness.score.board import Board


def csv_files(board: Board) -> dict[str, str]:
    """All CSV files of a board, name to text."""
    return {name: _csv(table, board) for name, table in FILES.items()}


def _csv(table: "Table[object]", board: Board) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.values(board))
    return text.getvalue()


def _cell(value: Value) -> str:
    """Numbers with all their digits; an unknown one is an empty cell."""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)
