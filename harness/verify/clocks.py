"""Do the clocks of a trial add up?

At any moment one kind of second passes: on the clock, start-up, checkpoint or evaluation. The wall time is measured on its own, by one
more look at the same monotonic clock directly after the last of these was closed. So the sum may fall short of the wall time by that
moment, once per segment (a resumed segment goes on from the readings of a checkpoint), and can exceed it by rounding alone. In 606
readings on two crowded cores the two looks were at most 30 microseconds apart; but the referee may be put to sleep between them, for up to
100 ms where a container has a CPU quota, hence GAP_S. ROUNDING_S covers sums of 64-bit floats at a month of seconds.
"""

from collections.abc import Iterator

from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.verify.trial import Trial

GAP_S = 0.1
ROUNDING_S = 1e-6


def clocks(trial: Trial) -> Iterator[str]:
    """Yields sums that are off."""
    record, rows = trial.record, trial.rows
    segments = max(1, len(record.segments))
    yield from _adds_up("record.json", record, segments)
    for row in rows:
        yield from _adds_up(f"evals.csv, evaluation {row.evaluation}", row, segments)
    for name in ("time_s", "startup_s", "checkpoint_s", "evaluation_s", "wall_s", "cpu_time_s", "frozen_cpu_s"):
        if getattr(record, name) < 0:
            yield f"record.json: {name} is negative"
    if record.verdict == "reached" and record.time_s > record.budget_s:
        yield f"the verdict is reached, but {record.time_s:.3f} s are more than the budget of {record.budget_s:g} s"


def segments(trial: Trial) -> Iterator[str]:
    """Yields segments that do not sum to the time, or do not begin where the rows say."""
    record, rows = trial.record, trial.rows
    total = sum(segment.time_s for segment in record.segments)
    if abs(total - record.time_s) > ROUNDING_S:
        yield f"record.json: the segments sum to {total:.6f} s, time_s is {record.time_s:.6f}"
    if rows and not record.segments:
        yield "record.json: no segment, but there are evaluations"
    begin_s, first = 0.0, 0
    for number, segment in enumerate(record.segments):
        if segment.time_s < 0:
            yield f"record.json: segment {number} has a negative time"
        if segment.first_evaluation < first or segment.first_evaluation > len(rows) or (number == 0 and segment.first_evaluation):
            yield f"record.json: segment {number} cannot begin at evaluation {segment.first_evaluation}"
        else:
            first = segment.first_evaluation
            low = rows[first - 1].time_s if first else 0.0
            high = rows[first].time_s if first < len(rows) else record.time_s
            if not low - ROUNDING_S <= begin_s <= high + ROUNDING_S:
                yield f"record.json: segment {number} begins at {begin_s:.6f} s, its first evaluation at {low:.6f} to {high:.6f} s"
        begin_s += segment.time_s


def _adds_up(where: str, totals: Record | Row, segments: int) -> Iterator[str]:
    parts = totals.time_s + totals.startup_s + totals.checkpoint_s + totals.evaluation_s
    if not -ROUNDING_S <= totals.wall_s - parts <= GAP_S * segments:
        yield f"{where}: time_s, startup_s, checkpoint_s and evaluation_s sum to {parts:.6f}, wall_s is {totals.wall_s:.6f}"
