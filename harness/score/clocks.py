"""The three clocks: which of them were recorded, and the score of every submission on each."""

from math import isnan
from typing import get_args

import numpy as np

from harness.score.profiles import scores
from harness.score.results import Clock, Results, Rules
from harness.score.times import Floats, median, tabulate

CPU_CLOCKS = ("cgroup", "proc")


def why_not_recorded(results: Results, clock: Clock) -> str | None:
    """Returns in words why results cannot be scored on a clock, None where they can."""
    if clock == "cpu_time" and results.source == "algoperf":
        return "AlgoPerf logs have no CPU seconds"
    unclear = [trial for trial in results.trials if trial.verdict != "unfinished" and trial.cpu_clock not in CPU_CLOCKS]
    if clock == "cpu_time" and unclear:
        first = f"{unclear[0].submission} on {unclear[0].workload}"
        return f"the CPU seconds of {len(unclear)} trials leave processes out, the first is {first}"
    return None


def clock_scores(results: Results, rules: Rules) -> dict[Clock, Floats]:
    """Returns the scores of all submissions on each clock; NaN throughout where a clock was not recorded for all trials."""
    found: dict[Clock, Floats] = {}
    for clock in get_args(Clock):
        unknown = why_not_recorded(results, clock) or any(t.reached and isnan(t.reached.on(clock)) for t in results.trials)
        if unknown:
            found[clock] = np.full(len(results.submissions), np.nan)
        else:
            table = tabulate(results, clock, rules)
            found[clock] = scores(median(table.study_times_SWK), table.bases_W, rules)
    return found
