"""A table of study times to scores with intervals: the part of scoring that `benchmarks/coverage.py` puts to the test."""

from dataclasses import dataclass

import numpy as np

from harness.score.board import UNKNOWN, Interval
from harness.score.profiles import apply_chain, exact_score, performance_ratios, trapezoid_score
from harness.score.results import Rules
from harness.score.times import Floats, TimesTable, median
from harness.score.uncertainty import (
    freedom,
    log_variances,
    optimistic_ratios,
    rank_probabilities,
    replicate_medians,
    score_intervals,
)


@dataclass(frozen=True)
class Estimate:
    """What the study times say. S submissions, W workloads, B base workloads, R replicates (none where every cell has one study).

    `times_SW` are medians before the variant chain, `ratios_SB` performance ratios after it; `variances_SW` those of the log medians,
    with `freedom_SW` degrees of freedom; `probability_SS` is that of each submission (first axis) having each rank, NaN if unknown.
    """

    times_SW: Floats
    ratios_SB: Floats
    score_S: Floats
    ratios_RSB: Floats
    intervals: tuple[Interval, ...]
    probability_SS: Floats
    variances_SW: Floats
    freedom_SW: Floats


def estimate(table: TimesTable, rules: Rules, replicates: int, seed: int) -> Estimate:
    """Scores a table under one rule, with so many bootstrap replicates from a seeded stream."""
    studies_SWK, columns = table.study_times_SWK, table.base_columns
    integrate = exact_score if rules == "finishline" else trapezoid_score
    times_SW = median(studies_SWK)
    ratios_SB = performance_ratios(apply_chain(times_SW, table.bases_W))
    score_S = integrate(ratios_SB)

    several_S = (~np.isnan(studies_SWK)).sum(axis=-1).max(axis=-1, initial=0) > 1
    drawn = replicates if several_S.any() else 0
    times_RSW = replicate_medians(studies_SWK, drawn, np.random.default_rng(seed)) if drawn else np.empty((0, *times_SW.shape))
    ratios_RSB = performance_ratios(apply_chain(times_RSW, table.bases_W))
    score_RS = integrate(ratios_RSB)
    variances_SW, freedom_SW = log_variances(times_RSW), freedom(studies_SWK)
    hopeful_RSB = optimistic_ratios(ratios_SB, ratios_RSB, variances_SW[:, columns], freedom_SW[:, columns])
    intervals = score_intervals(score_S, score_RS, integrate(hopeful_RSB))
    return Estimate(
        times_SW,
        ratios_SB,
        score_S,
        ratios_RSB,
        # an entry with one study everywhere says nothing about its own spread
        tuple(found if several else UNKNOWN for found, several in zip(intervals, several_S, strict=True)),
        rank_probabilities(score_RS) if drawn else np.full((len(score_S), len(score_S)), np.nan),
        variances_SW,
        freedom_SW,
    )
