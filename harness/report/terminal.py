"""The board on a terminal."""

from typing import TYPE_CHECKING

from harness.report.text import number, ranked_by, span, speedup_words, title
from harness.score.board import Board

if TYPE_CHECKING:
    from rich.console import RenderableType

MISSES = 20


def board_table(board: Board) -> "RenderableType":
    """The ranking as a rich table, with what is signed and missing above it, and its clock, the misses (twenty at most) and notes below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title(board)), title_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("submission", overflow="fold")
    for name in ("score", "95 %", "P(first)", "reached", f"speed-up over {board.reference}", "in steps"):
        table.add_column(Text(name), justify="right")
    table.add_column("marks", overflow="fold")
    bases = sum(not info.variant_of for info in board.workloads)
    for entry in board.entries:
        table.add_row(
            str(entry.rank),
            Text(entry.submission),
            f"{entry.score:.4f}",
            span(entry.interval),
            number(entry.rank_probabilities[0], 2),
            f"{entry.reached}/{bases}",
            speedup_words(entry.speedup, bases),
            number(entry.step_speedup.ratio, 2),
            Text("; ".join(entry.marks)),
        )
    misses = [f"{cell.submission} on {cell.workload}: {cell.why}" for cell in board.cells if cell.why]
    lines = misses[:MISSES]
    if len(misses) > MISSES:
        lines.append(f"... and {len(misses) - MISSES} more of these: see times.csv")
    lines += [f"differs within this board: {line}" for line in board.differences] + list(board.notes)
    return Group(*(Text(line) for line in board.head), table, Text(ranked_by(board)), *(Text(line) for line in lines))
