"""leaderboard.md: the board for people, made from the same numbers as the CSV files."""

from collections.abc import Iterator

from harness.report.text import number, span, title
from harness.score.board import Board


def markdown(board: Board) -> str:
    """The page: ranking, times, what missed and why, pairs, sensitivity, notes."""
    return "\n".join([*_ranking(board), *_missed(board)]) + "\n"


def _ranking(board: Board) -> Iterator[str]:
    yield f"# {title(board)}"
    yield ""
    yield f"| rank | submission | score | 95 % interval | P(first) | reached | speed-up over {board.reference} | in steps | marks |"
    yield "|---:|---|---:|---|---:|---:|---|---:|---|"
    bases = sum(not info.variant_of for info in board.workloads)
    for entry in board.entries:
        speedup = f"{number(entry.speedup.ratio, 2)} {span(entry.speedup.interval, 2)}"
        yield (
            f"| {entry.rank} | {entry.submission} | {entry.score:.4f} | {span(entry.interval)} | {number(entry.rank_probabilities[0], 2)} "
            f"| {entry.reached}/{bases} | {speedup} | {number(entry.step_speedup.ratio, 2)} | {'; '.join(entry.marks)} |"
        )
    yield ""


def _missed(board: Board) -> Iterator[str]:
    rows = [cell for cell in board.cells if cell.why]
    if rows:
        yield "## Misses"
        yield ""
        yield "| submission | workload | why |"
        yield "|---|---|---|"
        yield from (f"| {cell.submission} | {cell.workload} | {cell.why} |" for cell in rows)
        yield ""
