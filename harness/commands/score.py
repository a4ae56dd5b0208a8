"""finishline score: the leaderboard of some ledgers, or of AlgoPerf logs. Imports no torch."""

import sys
from dataclasses import fields

from harness.base.output import new_console
from harness.commands.options import ScoreVerbOptions
from harness.project.project import Project
from harness.report import board_table, write_board
from harness.score import ScoreOptions, read_algoperf, read_ledgers, score_board

PLAIN_WIDTH = 140


def main(given: ScoreVerbOptions, project: Project) -> int:
    """Scores, writes the board's files and prints it."""
    results = read_algoperf(given.ledgers[0], given.targets) if given.targets else read_ledgers(list(given.ledgers))
    board = score_board(results, ScoreOptions(**{field.name: getattr(given, field.name) for field in fields(ScoreOptions)}))
    out = (given.out or given.ledgers[0] / "board").absolute()
    write_board(board, out)
    console = new_console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(board_table(board))
    console.print(f"board: {out}", soft_wrap=True)
    return 0
