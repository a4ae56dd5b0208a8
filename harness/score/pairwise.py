"""A against B: by how much, and is it more than run-to-run noise?"""

import math

import numpy as np

from harness.score.board import UNKNOWN, Pair, Speedup
from harness.score.times import Floats, TimesTable
from harness.score.uncertainty import freedom, mean_ratio_interval, student_p

CLAIM = 0.05
MISS_FACTOR = 1.25


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


def equality_p(studies_a_WK: Floats, studies_b_WK: Floats) -> tuple[float, float]:
    """The p value of "a and b take equally long", two-sided, and the mean log ratio that it tests (below 0: a is faster).

    Paired by workload: the statistic is the mean over workloads of the difference between the mean log study times, its error comes from
    the spread between studies alone, with Welch's (1947) degrees of freedom. A study that missed takes 1.25 x the slowest hit of the two
    on that workload: slower than all, without letting one missed study outweigh everything else. Workloads that neither
    reached, or on which one of them has fewer than two studies, say nothing. NaN where no workload is left.
    """
    run = ~np.isnan(studies_a_WK), ~np.isnan(studies_b_WK)
    hit = np.isfinite(studies_a_WK) & (studies_a_WK > 0), np.isfinite(studies_b_WK) & (studies_b_WK > 0)
    use = (run[0].sum(axis=1) > 1) & (run[1].sum(axis=1) > 1) & (hit[0].any(axis=1) | hit[1].any(axis=1))
    if not use.any():
        return math.nan, math.nan
    slowest = np.maximum(*(np.where(h, x, 0).max(axis=1) for h, x in zip(hit, (studies_a_WK, studies_b_WK), strict=True)))
    means, variances, degrees = [], [], []
    for present, met, times in zip(run, hit, (studies_a_WK, studies_b_WK), strict=True):
        values = np.log(np.where(met, times, MISS_FACTOR * slowest[:, None]), where=use[:, None] & present, out=np.zeros(times.shape))
        count = np.maximum(present.sum(axis=1), 1)
        mean = values.sum(axis=1) / count
        squares = (np.where(present, values - mean[:, None], 0) ** 2).sum(axis=1)
        means.append(mean[use])
        variances.append((squares / np.maximum(count - 1, 1) / count)[use])
        degrees.append((count - 1)[use])
    difference = float((means[0] - means[1]).mean())
    variance, freed = np.concatenate(variances), np.concatenate(degrees)
    total = float(variance.sum())
    if total <= 0:
        return math.nan, difference
    welch = total**2 / float((variance**2 / freed).sum())
    return student_p(difference * use.sum() / math.sqrt(total), welch), difference


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
    studies, times, variances = table.study_times_SWK[:, columns], times_SW[:, columns], variances_SW[:, columns]
    degrees, reached = freedom(studies), np.isfinite(times)
    chosen = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    tests = [equality_p(studies[a], studies[b]) for a, b in chosen]
    adjusted = holm(np.array([p for p, _ in tests], dtype=np.float64))
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
                tests[i][0],
                float(adjusted[i]),
                _verdict(first, second, against.ratio, float(adjusted[i]), tests[i][1]),
            )
        )
    return tuple(rows)


def _verdict(first: str, second: str, ratio: float, p_adjusted: float, difference: float) -> str:
    """A claim needs the test, and a mean ratio (where there is one) that does not say the opposite."""
    if p_adjusted <= CLAIM and difference < 0 and not ratio > 1:
        return f"{first} faster than {second}"
    if p_adjusted <= CLAIM and difference > 0 and not ratio < 1:
        return f"{second} faster than {first}"
    return "not distinguishable"
