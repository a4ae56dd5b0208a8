"""What a reader of a board should know about the data and the rule behind it."""

from collections.abc import Iterator

import numpy as np

from harness.score.profiles import MAX_TAU, apply_chain
from harness.score.results import Results
from harness.score.times import TimesTable, median

COARSE = 3.0


def diagnostics(results: Results, table: TimesTable) -> Iterator[str]:
    """Lines about uneven evaluation periods and about leaders that do not count and still cut others."""
    if results.source == "algoperf":
        yield from _uneven_periods(results)
    yield from _cuts_by_the_uncounted(table)


def _uneven_periods(results: Results) -> Iterator[str]:
    """A submission that is evaluated more rarely than the others reaches its target later than need be."""
    periods: dict[str, dict[str, list[float]]] = {}
    for trial in results.trials:
        if trial.evaluations > 2 and trial.time_s > 0:
            periods.setdefault(trial.workload, {}).setdefault(trial.submission, []).append(trial.time_s / trial.evaluations)
    for workload, by_submission in periods.items():
        own = {name: float(np.median(values)) for name, values in by_submission.items()}
        usual = float(np.median(list(own.values())))
        for name, period in own.items():
            if period > COARSE * usual:
                others = f"the others every {usual:,.0f} s"
                yield f"{name} on {workload} was evaluated every {period:,.0f} s, {others}: a coarser grid, later hits"


def _cuts_by_the_uncounted(table: TimesTable) -> Iterator[str]:
    """The cut at 4 x the best comes before bases are struck for their variants: a leader that is struck later has cut others by then."""
    if (table.bases_W == np.arange(len(table.bases_W))).all():
        return
    times_SW = median(table.study_times_SWK)
    times_SW[np.isnan(times_SW)] = np.inf
    counted_SB = np.isfinite(apply_chain(times_SW, table.bases_W))
    column = {int(w): b for b, w in enumerate(table.base_columns)}
    for w, base in enumerate(table.bases_W):
        leader = int(times_SW[:, w].argmin())
        if base < 0 or not np.isfinite(times_SW[leader, w]) or counted_SB[leader, column[int(base)]]:
            continue
        rivals = times_SW[counted_SB[:, column[int(base)]], w]
        limit = MAX_TAU * (rivals.min() if len(rivals) else np.inf)
        cut = np.flatnonzero((times_SW[:, w] > MAX_TAU * times_SW[leader, w]) & (times_SW[:, w] <= limit) & np.isfinite(times_SW[:, w]))
        if len(cut):
            names = ", ".join(table.submissions[s] for s in cut)
            disqualified = f"{table.submissions[leader]} does not count there in the end"
            yield f"{table.workloads[w]}: {disqualified}, yet its time cuts {names} at {MAX_TAU:g} x"
