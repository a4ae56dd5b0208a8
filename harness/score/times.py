"""Trials to a table of study times: per study one trial, per workload the median over studies."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.score.results import Clock, Results, Rules, Trial

Floats = NDArray[np.float64]
Count = TypeVar("Count", int, NDArray[np.int64])


@dataclass(frozen=True)
class TimesTable:
    """Times to the target on one clock. Shape letters: S submissions, W workloads, K studies.

    In `study_times_SWK` (and the same table in seconds and in steps) a miss is infinite and a study that was not run is NaN.
    `study_bounds_SWK` is what a study takes at least: its time, or, where it missed because it was stopped or is unfinished, the clock's
    reading then. `bases_W` is the index of a variant's base workload and a workload's own index elsewhere; -1 marks a variant without its
    base.
    """

    submissions: tuple[str, ...]
    workloads: tuple[str, ...]
    bases_W: NDArray[np.int64]
    study_times_SWK: Floats
    study_seconds_SWK: Floats
    study_steps_SWK: Floats
    study_bounds_SWK: Floats

    @property
    def base_columns(self) -> NDArray[np.int64]:
        """The indices of the base workloads: those that the score is over."""
        return np.flatnonzero(self.bases_W == np.arange(len(self.bases_W)))


def tabulate(results: Results, clock: Clock, rules: Rules) -> TimesTable:
    """Gathers the study times of all trials on one clock.

    `finishline`: a study takes its fastest trial, and a study without a hit is infinite whatever became of its trials. `algoperf`: a study
    takes the trial that is at the target at the smallest evaluation index (ties: the fastest), and a study whose trials left no log is
    not there at all.

    Raises:
        UserError: the clock was not recorded for a trial that reached the target.
    """
    rows = {name: i for i, name in enumerate(results.submissions)}
    columns = {info.name: i for i, info in enumerate(results.workloads)}
    studies = group_studies(results, rules)
    shape = (len(rows), len(columns), max((len(cell) for cell in studies.values()), default=1))
    times, seconds, steps, bounds = (np.full(shape, np.nan) for _ in range(4))
    for (submission, workload), cell in studies.items():
        s, w = rows[submission], columns[workload]
        for k, (study, trials) in enumerate(cell.items()):
            best = best_trial(trials, clock, rules)
            hit = best.reached if best else None
            times[s, w, k] = hit.on(clock) if hit else np.inf
            seconds[s, w, k] = hit.time_s if hit else np.inf
            steps[s, w, k] = hit.steps if hit else np.inf
            bounds[s, w, k] = times[s, w, k] if hit else min(trial.least(clock) for trial in trials)
            if best and np.isnan(times[s, w, k]):
                raise UserError(
                    f"clock={clock}: not recorded for {best.submission} on {best.workload}, study {study}; score on time or steps"
                )
    bases = np.array([columns.get(info.variant_of or info.name, -1) for info in results.workloads], dtype=np.int64)
    return TimesTable(
        submissions=results.submissions,
        workloads=tuple(columns),
        bases_W=bases,
        study_times_SWK=times,
        study_seconds_SWK=seconds,
        study_steps_SWK=steps,
        study_bounds_SWK=bounds,
    )


def group_studies(results: Results, rules: Rules) -> dict[tuple[str, str], dict[int, list[Trial]]]:
    """Returns the trials by (submission, workload) and number of the study, the studies in order; only those that the rule sees."""
    cells: dict[tuple[str, str], dict[int, list[Trial]]] = {}
    for trial in results.trials:
        if rules == "finishline" or trial.logged:
            cells.setdefault((trial.submission, trial.workload), {}).setdefault(trial.study, []).append(trial)
    return {key: dict(sorted(cell.items())) for key, cell in cells.items()}


def best_trial(trials: list[Trial], clock: Clock, rules: Rules) -> Trial | None:
    """Returns the trial that counts for a study, None where it missed."""
    hits = [(trial, trial.reached) for trial in trials if trial.reached]
    if not hits:
        return None
    if rules == "finishline":
        return min(hits, key=lambda pair: pair[1].on(clock))[0]
    return min(hits, key=lambda pair: (pair[1].evaluation, pair[1].on(clock)))[0]


def middle_places(count: Count) -> tuple[Count, Count]:
    """The places, from 0, of the two sorted values (one twice where `count` is odd) of which the median is the mean; also of arrays."""
    return (count - 1) // 2, count // 2


def median(values: Floats) -> Floats:
    """The median over the last axis: NaN entries are left out, infinite ones take part, an even number gives the mean of the middle two.

    NaN where nothing is left. Shape [..., K] to [...].
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)
    low, high = middle_places(count)
    low, high = np.maximum(low, 0)[..., None], np.minimum(high, values.shape[-1] - 1)[..., None]
    middle = (np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1)) / 2
    return np.where(count > 0, middle[..., 0], np.nan)
