"""Boards as CSV files, a page, a plot and a terminal table. Imports no torch."""

from harness.report.terminal import board_table
from harness.report.write import write_board

__all__ = ["board_table", "write_board"]
