"""Writes a board to a folder."""

from pathlib import Path

from harness.base.files import write_atomically
from harness.errors import UserError
from harness.report.markdown import markdown
from harness.report.plot import plot_files
from harness.report.tables import csv_files
from harness.score.board import Board


def write_board(board: Board, out: Path) -> None:
    """Writes the CSV files of `harness.report.columns`, leaderboard.md, profiles.png and profiles.svg.

    Each file is whole or absent; everything is made before the first is written.

    Raises:
        UserError: the folder cannot be made or written to.
    """
    out = Path(out)
    texts: dict[str, str | bytes] = {**csv_files(board), "leaderboard.md": markdown(board)}
    plots = plot_files(board)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in {**texts, **plots}.items():
            write_atomically(out / name, content)
    except OSError as error:
        raise UserError(f"out={out}: cannot be written ({error.strerror}); give a folder that you may write to") from None
