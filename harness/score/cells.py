"""One line for each submission on each workload: its times, and why it missed."""

from collections import Counter

import numpy as np

from harness.score.board import Cell
from harness.score.profiles import MAX_TAU
from harness.score.results import Results, ScoredWorkload, Trial
from harness.score.times import Floats, TimesTable, median


def cells(results: Results, table: TimesTable, times_SW: Floats, ratios_SB: Floats) -> tuple[Cell, ...]:
    """Describes every cell, by submission and then workload, in the table's order.

    `times_SW` are the medians before the variant chain, `ratios_SB` the performance ratios after it.
    """
    trials: dict[tuple[str, str], list[Trial]] = {}
    for trial in results.trials:
        trials.setdefault((trial.submission, trial.workload), []).append(trial)
    seconds_SW, steps_SW = median(table.study_seconds_SWK), median(table.study_steps_SWK)
    base_index = {int(column): b for b, column in enumerate(table.base_columns)}
    rows = []
    for s, submission in enumerate(table.submissions):
        for w, info in enumerate(results.workloads):
            own = trials.get((submission, info.name), [])
            studies = table.study_times_SWK[s, w]
            studies = studies[~np.isnan(studies)]
            ratio = float(ratios_SB[s, base_index[w]]) if w in base_index else np.nan
            best = _best_metric(own, info)
            why = _why(own, info, studies, best) or _why_not_counted(table, times_SW, s, w, ratio)
            rows.append(
                Cell(
                    submission,
                    info.name,
                    tuple(studies.tolist()),
                    float(times_SW[s, w]),
                    float(seconds_SW[s, w]),
                    float(steps_SW[s, w]),
                    ratio,
                    len(own),
                    tuple(sorted(Counter(trial.verdict for trial in own).items())),
                    best,
                    why,
                )
            )
    return tuple(rows)


def _best_metric(trials: list[Trial], info: ScoredWorkload) -> float:
    best = info.direction.best(trial.best_metric for trial in trials)
    return np.nan if best is None else best


def _why(trials: list[Trial], info: ScoredWorkload, studies: Floats, best: float) -> str:
    """Why studies missed the target, empty if none did."""
    if not trials:
        return "not run"
    missed = int(np.isinf(studies).sum()) if len(studies) else len({trial.study for trial in trials})
    if missed == 0:
        return ""
    total = max(len(studies), missed)
    hits = {trial.study for trial in trials if trial.reached}
    failed = [trial for trial in trials if trial.study not in hits]
    nearest = _best_metric(failed, info)
    parts = [f"missed in {missed} of {total} {'study' if total == 1 else 'studies'}"]
    if nearest == nearest:
        parts.append(f"best {info.metric} {nearest:.6g}, target {info.direction.relation} {info.target:.6g}")
    reasons = Counter((trial.verdict, trial.reason) for trial in failed)
    listed = [f"{count} {verdict}" + (f" ({reason})" if reason else "") for (verdict, reason), count in reasons.most_common(2)]
    if len(reasons) > 2:
        listed.append("...")
    return "; ".join([*parts, ", ".join(listed)])


def _why_not_counted(table: TimesTable, times_SW: Floats, s: int, w: int, ratio: float) -> str:
    """Why a workload that was reached adds nothing to the score, empty if it does."""
    if not np.isinf(ratio):
        return ""
    variants = [v for v in np.flatnonzero(table.bases_W == w) if v != w]
    best = np.where(np.isnan(times_SW), np.inf, times_SW).min(axis=0)
    for v in variants:
        if not np.isfinite(times_SW[s, v]):
            return f"does not count: its variant {table.workloads[v]} was not reached"
        if times_SW[s, v] > MAX_TAU * best[v]:
            return f"does not count: its variant {table.workloads[v]} took more than {MAX_TAU:g} x the best"
    return f"does not count: more than {MAX_TAU:g} x the best"
