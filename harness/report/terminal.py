"""The board on a terminal."""

from typing import TYPE_CHECKING

from harness.report.text import number, span, title
from harness.score.board import Board

if TYPE_CHECKING:
    from rich.console import RenderableType


def board_table(board: Board) -> "RenderableType":
    """The ranking as a rich table, with the misses and notes as lines below it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title(board), title_justify="left")
    for name in ("rank", "score", "95 % interval", "P(first)", "reached", "speed-up"):
        if name == "score":
            table.add_column("submission", overflow="fold")
        table.add_column(name, justify="right", no_wrap=True)
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
            f"{number(entry.speedup.ratio, 2)} {span(entry.speedup.interval, 2)}".strip(),
            Text("; ".join(entry.marks)),
        )
    lines = [f"{cell.submission} on {cell.workload}: {cell.why}" for cell in board.cells if cell.why]
    lines += [f"speed-up: geometric mean against {board.reference} on the workloads that both reached", *board.notes]
    lines += [f"differs: {line}" for line in board.differences]
    return Group(table, *(Text(line) for line in lines))
