"""leaderboard.md: the board for people, made from the same numbers as the CSV files."""

from collections.abc import Iterable, Iterator, Sequence

from harness.report.text import amount, number, ranked_by, span, speedup_words, title
from harness.score.board import UNITS, Board, Cell, LeaveOneOut


def markdown(board: Board) -> str:
    """The page: ranking, times, why targets were missed, pairs, sensitivity, both rules on foreign logs, notes."""
    sections = (_ranking, _times, _misses, _pairs, _sensitivity, _moves, _notes)
    return "\n".join(line for section in sections for line in section(board)) + "\n"


def _table(header: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; `align` has l or r for each column."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join('---:' if side == 'r' else '---' for side in align)}|"
    # a pipe in a reason would end its cell
    yield from (f"| {' | '.join(text.replace('|', '/') for text in row)} |" for row in rows)
    yield ""


def _ranking(board: Board) -> Iterator[str]:
    bases = sum(not info.variant_of for info in board.workloads)
    yield from (f"# {title(board)}", "")
    head = [*board.head, *_provenance(board)]
    if head:
        yield from (*(f"* {line}" for line in head), "")
    yield from (ranked_by(board), "")
    speedup = f"speed-up over {board.reference}"
    yield from _table(
        ("rank", "submission", "score", "95 %", "on time, steps, CPU time", "P(first)", "reached", speedup, "in steps", "marks"),
        "rlrlrrrlrl",
        (
            (
                str(entry.rank),
                entry.submission,
                f"{entry.score:.4f}",
                span(entry.interval),
                ", ".join(number(score) for score in entry.clock_scores.values()),
                number(entry.rank_probabilities[0], 2),
                f"{entry.reached}/{bases}",
                speedup_words(entry.speedup, bases),
                number(entry.step_speedup.ratio, 2),
                "; ".join(entry.marks),
            )
            for entry in board.entries
        ),
    )
    yield "Score: integral of the performance profile over τ in [1, 4], divided by 3; 1 is the best of every workload. Speed-up: geometric"
    yield "mean on the workloads that both reached (it says how many); above 1 is faster; it has no part in the rank. Intervals: bootstrap"
    yield "over studies. Columns: `docs/scoring.md`."
    yield from ("", "![Performance profiles with 95 % bands](profiles.png)", "")


def _provenance(board: Board) -> Iterator[str]:
    """What the numbers come from, as far as it was recorded; who signed stands above it."""
    origin = board.provenance
    if origin.campaigns:
        yield f"campaign and its hash: {', '.join(origin.campaigns)}"
    if origin.first_start:
        first, last = (when[:16].replace("T", " ") for when in (origin.first_start, origin.last_start))
        yield f"trials started from {first} to {last} UTC"
    for what, found in (("hardware", origin.hardware), ("versions", origin.versions), ("sandbox", origin.sandboxes)):
        if found:
            yield f"{what}: {' | '.join(found)}"
    if board.signature:
        yield f"signature: {board.signature}"


def _times(board: Board) -> Iterator[str]:
    cells = {(cell.submission, cell.workload): cell for cell in board.cells}
    unit = UNITS[board.options.clock]
    yield from ("## Times", "", f"Median over studies on the board's clock ({unit}), steps in brackets; held-out variants in italics.", "")
    names = [entry.submission for entry in board.entries]
    yield from _table(
        ("workload", *names),
        "l" + "r" * len(names),
        (
            (f"*{info.name}*" if info.variant_of else info.name, *(_time(cells[name, info.name]) for name in names))
            for info in board.workloads
        ),
    )


def _time(cell: Cell) -> str:
    if not cell.study_times:
        return "not run"
    steps = "" if cell.median_steps == float("inf") or cell.median_steps != cell.median_steps else f" ({amount(cell.median_steps)})"
    return f"{amount(cell.median)}{steps}"


def _misses(board: Board) -> Iterator[str]:
    rows = [(cell.submission, cell.workload, cell.why) for cell in board.cells if cell.why]
    if rows:
        yield from ("## Missed, and why", "")
        yield from _table(("submission", "workload", "why"), "lll", rows)


def _pairs(board: Board) -> Iterator[str]:
    if not board.pairs:
        return
    told = sum(pair.verdict != "not distinguishable" for pair in board.pairs)
    neighbours = {(a.submission, b.submission) for a, b in zip(board.entries, board.entries[1:], strict=False)}
    yield from ("## Who is faster than whom", "")
    yield f"{told} of {len(board.pairs)} pairs are distinguishable (all claims hold at once with 95 % confidence). Neighbours on the board;"
    yield "all pairs are in `pairwise.csv`."
    yield ""
    yield from _table(
        ("A", "B", "time of A / time of B", "workloads", "p", "p for all pairs", "verdict"),
        "lllrrrl",
        (
            (
                pair.first,
                pair.second,
                f"{number(pair.ratio)} {span(pair.interval)}".strip(),
                str(pair.workloads),
                _p(pair.p),
                _p(pair.p_adjusted),
                pair.verdict,
            )
            for pair in board.pairs
            if (pair.first, pair.second) in neighbours
        ),
    )


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else number(value, 4)


def _sensitivity(board: Board) -> Iterator[str]:
    if not board.leave_one_out:
        return
    yield from ("## What if something is left out", "")
    yield "Scores are relative: they move when a workload or another submission leaves. The largest moves each way; all are in"
    yield "`sensitivity.csv`."
    yield ""
    rows = []
    for entry in board.entries:
        own = [shift for shift in board.leave_one_out if shift.submission == entry.submission]
        ranks = [shift.rank_change for shift in own]
        cells = [_extremes([shift for shift in own if shift.kind == kind]) for kind in ("workload", "submission")]
        rows.append((entry.submission, f"{entry.score:.4f}", *cells, f"{min(ranks):+d} to {max(ranks):+d}" if ranks else ""))
    yield from _table(("submission", "score", "without a workload", "without a submission", "rank moves by"), "lrlll", rows)


def _extremes(leave_one_out: list[LeaveOneOut]) -> str:
    if not leave_one_out:
        return ""
    ends = (min(leave_one_out, key=lambda shift: shift.score_change), max(leave_one_out, key=lambda shift: shift.score_change))
    return ", ".join(f"{shift.score_change:+.4f} ({shift.left_out})" for shift in ends if abs(shift.score_change) >= 5e-5) or "0"


def _moves(board: Board) -> Iterator[str]:
    if not board.rule_changes:
        return
    yield from ("## The same logs under both rules", "")
    yield "`algoperf`: a study takes the trial that needed the fewest evaluations, which need not be the fastest; studies without any log"
    yield "are not there; the profile is summed on 100 points (trapezoids). `finishline`: a study takes its fastest trial, a study without"
    yield "a hit is a miss, the integral is exact. The 4 x cut and the variant rule are the same."
    yield ""
    moved = [move for move in board.rule_changes if move.rank_algoperf != move.rank_finishline]
    if moved:
        yield "Ranks that move: " + ", ".join(f"{move.submission} ({move.rank_algoperf} to {move.rank_finishline})" for move in moved) + "."
    else:
        yield "No entry changes its rank."
    yield ""
    yield from _table(
        ("submission", "algoperf", "finishline", "difference", "why"),
        "lrrrl",
        (
            (
                move.submission,
                f"{move.score_algoperf:.4f}",
                f"{move.score_finishline:.4f}",
                f"{move.score_finishline - move.score_algoperf:+.4f}",
                move.why or "the same but for rounding",
            )
            for move in board.rule_changes
        ),
    )


def _notes(board: Board) -> Iterator[str]:
    lines = [*(f"differs within this board: {line}" for line in board.differences), *board.notes]
    if lines:
        yield from ("## Notes", "", *(f"* {line}" for line in lines))
