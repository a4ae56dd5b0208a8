"""A against B: by how much, and is it more than run-to-run noise?"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.score.board import UNKNOWN, Pair, Speedup
from harness.score.permutation import sum_of_reached, sum_of_times
from harness.score.times import Floats, TimesTable
from harness.score.uncertainty import freedom, mean_ratio_interval

CLAIM = 0.05


def speedup(times_SB: Floats, variances_SB: Floats, freedom_SB: Floats, s: int, reference: int) -> Speedup:
    """The geometric mean of reference's time / that of submission `s` over the workloads that both reached, with its interval.

    The interval is for these workloads: it allows for the spread between studies alone.
    """
    both = _both(times_SB, s, reference)
    if not both.any():
        return Speedup(float("nan"), UNKNOWN, 0)
    logs = np.log(times_SB[reference, both] / times_SB[s, both])
    if s == reference:
        return Speedup(1.0, UNKNOWN, len(logs))
    variance = float((variances_SB[s, both] + variances_SB[reference, both]).sum() / len(logs) ** 2)
    degrees = float((freedom_SB[s, both] + freedom_SB[reference, both]).sum())
    mean = float(logs.mean())
    return Speedup(float(np.exp(mean)), mean_ratio_interval(mean, variance, degrees), len(logs))


def _both(times_SB: Floats, a: int, b: int) -> np.ndarray:
    return np.isfinite(times_SB[a]) & np.isfinite(times_SB[b]) & (times_SB[a] > 0) & (times_SB[b] > 0)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two submissions compared by their studies. `excess` is above 0 where the first does better by `test`, the one with the smaller p."""

    p: float
    test: Literal["times", "reached"]
    excess: float


def compare_studies(times_a_WK: Floats, times_b_WK: Floats, bounds_a_WK: Floats, bounds_b_WK: Floats) -> Comparison:
    """Tests "a and b are equal on every workload", two-sided, with the misses as evidence.

    Two exact permutation tests within workloads (`harness.score.permutation`): of times, where a miss is slower than all that reached the
    target, and of how many studies reached it. Together they count as two (Bonferroni): p is twice the smaller one. Where no outcome could
    have made the second significant, given how many studies reached the targets, it is left out and p is that of times (Tarone 1990, "A
    modified Bonferroni method for discrete data", Biometrics 46).

    Workloads that neither reached, or on which one of them has fewer than two studies, say nothing. NaN where no workload is left.

    Args:
        times_a_WK: study times of a; infinite: missed, NaN: not run.
        times_b_WK: those of b.
        bounds_a_WK: what a's studies take at least, as in `TimesTable`.
        bounds_b_WK: the same of b.
    """
    times_WK, bounds_WK = np.hstack([times_a_WK, times_b_WK]), np.hstack([bounds_a_WK, bounds_b_WK])
    several = ((~np.isnan(times_a_WK)).sum(axis=1) > 1) & ((~np.isnan(times_b_WK)).sum(axis=1) > 1)
    use = several & np.isfinite(times_WK).any(axis=1)
    if not use.any():
        return Comparison(p=math.nan, test="times", excess=0.0)
    first_K = [True] * times_a_WK.shape[1] + [False] * times_b_WK.shape[1]
    times = sum_of_times(times_WK[use], bounds_WK[use], first_K)
    reached = sum_of_reached(times_WK[use], bounds_WK[use], first_K)
    if 2 * reached.smallest_p > CLAIM:
        return Comparison(p=times.p, test="times", excess=times.excess)
    if reached.p <= times.p:
        return Comparison(p=min(1.0, 2 * reached.p), test="reached", excess=reached.excess)
    return Comparison(p=min(1.0, 2 * times.p), test="times", excess=times.excess)


def holm(p: Floats) -> Floats:
    """Holm's (1979) adjustment of p values for being many: all claims at 0.05 are right at once with probability 0.95. NaN stays."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def pairs(table: TimesTable, times_SW: Floats, variances_SW: Floats, order: list[int]) -> tuple[Pair, ...]:
    """Compares every pair of submissions on the base workloads; the better ranked one (`order`) comes first."""
    columns = table.base_columns
    studies, bounds = table.study_times_SWK[:, columns], table.study_bounds_SWK[:, columns]
    times, variances = times_SW[:, columns], variances_SW[:, columns]
    degrees, reached = freedom(studies), np.isfinite(times)
    chosen = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    compared = [compare_studies(studies[a], studies[b], bounds[a], bounds[b]) for a, b in chosen]
    adjusted = holm(np.array([comparison.p for comparison in compared], dtype=np.float64))
    rows = []
    for i, (a, b) in enumerate(chosen):
        against = speedup(times, variances, degrees, b, a)
        both = _both(times, a, b)
        logs = np.log(times[a, both] / times[b, both])
        spread = float(logs.var(ddof=1) / len(logs)) if len(logs) > 1 else math.nan
        first, second = table.submissions[a], table.submissions[b]
        rows.append(
            Pair(
                first,
                second,
                against.ratio,
                against.interval,
                mean_ratio_interval(float(logs.mean()), spread, len(logs) - 1) if len(logs) > 1 else UNKNOWN,
                against.workloads,
                int((reached[a] & ~reached[b]).sum()),
                int((reached[b] & ~reached[a]).sum()),
                compared[i].p,
                float(adjusted[i]),
                _verdict(first, second, against.ratio, float(adjusted[i]), compared[i]),
            )
        )
    return tuple(rows)


def _verdict(first: str, second: str, ratio: float, p_adjusted: float, compared: Comparison) -> str:
    """The claim that the test allows. To be faster the mean ratio, where there is one, must not say the opposite."""
    if not p_adjusted <= CLAIM or compared.excess == 0:
        return "not distinguishable"
    better, worse = (first, second) if compared.excess > 0 else (second, first)
    if compared.test == "reached":
        return f"{better} reaches more than {worse}"
    contradicted = ratio > 1 if better == first else ratio < 1
    return "not distinguishable" if contradicted else f"{better} faster than {worse}"
