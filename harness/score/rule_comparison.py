"""Which entries of an AlgoPerf board move under finishline's rule, and why, in words."""

import numpy as np

from harness.score.board import RuleChange
from harness.score.profiles import apply_chain, exact_score, performance_ratios, ranks, trapezoid_score
from harness.score.results import Clock, Results
from harness.score.times import Floats, TimesTable, median, tabulate

VISIBLE = 5e-5


def rule_changes(results: Results, clock: Clock) -> tuple[RuleChange, ...]:
    """Scores the same logs under both rules and splits each difference into its causes; by finishline's rank, then name.

    The causes, in order: the submission's own times change (a study takes its fastest trial; a study without logs is a miss); the others'
    do; the profile is integrated exactly instead of on 100 points.
    """
    theirs, ours = tabulate(results, clock, "algoperf"), tabulate(results, clock, "finishline")
    times_SW, new_SW = median(theirs.study_times_SWK), median(ours.study_times_SWK)
    before, regridded = _trapezoid(theirs, times_SW), _trapezoid(theirs, new_SW)
    after = exact_score(performance_ratios(apply_chain(new_SW, ours.bases_W)))
    rank_before, rank_after = ranks(before), ranks(after)
    rows = []
    for s, name in enumerate(results.submissions):
        alone = times_SW.copy()
        alone[s] = new_SW[s]
        own = float(_trapezoid(theirs, alone)[s] - before[s])
        others, grid = float(regridded[s] - before[s] - own), float(after[s] - regridded[s])
        causes = []
        if abs(own) > VISIBLE:
            causes.append(f"{own:+.4f} from its own times ({_changed(theirs, times_SW[s], new_SW[s])})")
        if abs(others) > VISIBLE:
            causes.append(f"{others:+.4f} since the times of others change")
        if abs(grid) > VISIBLE:
            causes.append(f"{grid:+.4f} from the exact integral instead of 100 points")
        if rank_before[s] != rank_after[s]:
            causes.insert(0, f"rank {rank_before[s]} to {rank_after[s]}")
        rows.append(RuleChange(name, float(before[s]), float(after[s]), int(rank_before[s]), int(rank_after[s]), "; ".join(causes)))
    return tuple(sorted(rows, key=lambda move: (move.rank_finishline, move.submission)))


def _trapezoid(table: TimesTable, times_SW: Floats) -> Floats:
    return trapezoid_score(performance_ratios(apply_chain(times_SW, table.bases_W)))


def _changed(table: TimesTable, old_W: Floats, new_W: Floats) -> str:
    """The workloads whose time differs visibly, the largest change first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.abs(np.log(new_W / old_W))
    change = np.where(np.isfinite(old_W) == np.isfinite(new_W), change, np.inf)
    listed = [w for w in np.argsort(-np.nan_to_num(change, posinf=9.0), kind="stable") if change[w] > 1e-5]
    shown = [f"{table.workloads[w]} {_time(old_W[w])} to {_time(new_W[w])}" for w in listed[:3]]
    return ", ".join(shown + (["..."] if len(listed) > 3 else []))


def _time(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "missed" if np.isinf(value) else "not run"
