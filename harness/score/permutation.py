"""Exact tests of two submissions' studies: does one reach more targets, and is one faster?

If A and B were the same on every workload, then which of a workload's studies are A's would be chance alone: all divisions into groups of
these sizes would be equally likely, independently on each workload. Each study gets a whole-numbered score; the statistic is the sum of
A's scores over all workloads, and its distribution is counted out (Pagano & Tritchler 1983, "On obtaining permutation distributions in
polynomial time", JASA 78). Two scores are in use:

* times: Gehan 1965, "A generalized Wilcoxon test for comparing arbitrarily singly-censored samples", Biometrika 52, in the form of Mantel
  1967, "Ranking procedures for arbitrarily restricted observation", Biometrics 23: how many of the workload's other studies were certainly
  slower, less how many were certainly faster. A study that missed is slower than every study that reached the target; one that was stopped
  is slower than those that had reached it by then.
* reached: 1 where the target was reached, 0 where it was missed; a stopped study is neither. This is the exact form of the test of Mantel &
  Haenszel 1959, "Statistical aspects of the analysis of data from retrospective studies of disease", JNCI 22.

Shape letters: W workloads, K studies.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from harness.score.times import Floats

MOST_EXACT = 40
"""Studies of both submissions on one workload up to which distributions are counted out; beyond, they are close to normal."""


class Stratum(NamedTuple):
    """The scores of the studies of both submissions on one workload, ascending, and how many of the studies are A's."""

    scores: tuple[int, ...]
    size: int


class Sum(NamedTuple):
    """The sum of A's scores over some strata."""

    observed: int
    strata: tuple[Stratum, ...]

    @property
    def p(self) -> float:
        """Twice the probability of a sum at least as far out on the side that was seen; at most 1."""
        low, high = _tails(self.strata, self.observed)
        return min(1.0, 2 * min(low, high))

    @property
    def smallest_p(self) -> float:
        """The smallest p that any outcome with these scores could have had."""
        ends = [_end(self.strata, side) for side in (-1, 1)]
        return min(1.0, 2 * min(_tails(self.strata, ends[0])[0], _tails(self.strata, ends[1])[1]))

    @property
    def excess(self) -> float:
        """The sum less what chance alone would make it; above 0: in favour of A."""
        return self.observed - sum(stratum.size * sum(stratum.scores) / len(stratum.scores) for stratum in self.strata)


def sum_of_times(times_WK: Floats, bounds_WK: Floats, first_K: Sequence[bool]) -> Sum:
    """Gehan's scores, of A where `first_K` is set.

    Args:
        times_WK: study times, infinite where the target was not reached, NaN where there is no study.
        bounds_WK: the times that the studies take at least; infinite: they will never reach the target.
        first_K: which of the K columns are A's.
    """
    hit = np.isfinite(times_WK)
    there = ~np.isnan(times_WK)
    # how long each had not been at the target: up to its hit, or as long as is known
    until = np.where(hit, times_WK, np.where(there, bounds_WK, -np.inf))
    later = np.where(hit[:, :, None], until[:, :, None] > times_WK[:, None, :], until[:, :, None] >= times_WK[:, None, :])
    slower_WKK = hit[:, None, :] & there[:, :, None] & later  # the first of the two is certainly slower
    scores_WK = slower_WKK.sum(axis=1) - slower_WKK.sum(axis=2)
    return _sum(scores_WK, there, first_K)


def sum_of_reached(times_WK: Floats, bounds_WK: Floats, first_K: Sequence[bool]) -> Sum:
    """The number of A's studies that reached the target, among all that reached or missed it; arguments as of `sum_of_times`."""
    hit = np.isfinite(times_WK)
    return _sum(hit.astype(np.int64), hit | np.isposinf(bounds_WK), first_K)


def _sum(scores_WK: np.ndarray, there_WK: np.ndarray, first_K: Sequence[bool]) -> Sum:
    observed, strata = 0, []
    for scores, there in zip(scores_WK.tolist(), there_WK.tolist(), strict=True):
        own = [score for score, exists, first in zip(scores, there, first_K, strict=True) if exists and first]
        everybody = tuple(sorted(score for score, exists in zip(scores, there, strict=True) if exists))
        if 0 < len(own) < len(everybody) and everybody[0] < everybody[-1]:
            observed += sum(own)
            strata.append(Stratum(everybody, len(own)))
    return Sum(observed, tuple(sorted(strata)))  # in order, so that pairs with the same strata share a distribution


def _end(strata: tuple[Stratum, ...], side: int) -> int:
    """The smallest (-1) or largest (1) sum that there is."""
    return sum(sum(s.scores[: s.size] if side < 0 else s.scores[len(s.scores) - s.size :]) for s in strata)


def _tails(strata: tuple[Stratum, ...], observed: int) -> tuple[float, float]:
    """The probabilities of a sum of at most, and of at least, `observed`."""
    if any(len(stratum.scores) > MOST_EXACT for stratum in strata):
        return _normal_tails(strata, observed)
    probabilities = _distribution(strata)
    place = observed - _end(strata, -1)
    return float(probabilities[: place + 1].sum()), float(probabilities[place:].sum())


def _normal_tails(strata: tuple[Stratum, ...], observed: int) -> tuple[float, float]:
    mean = variance = 0.0
    for scores, size in strata:
        values, n = np.array(scores, dtype=np.float64), len(scores)
        mean += size * float(values.mean())
        variance += size * (n - size) / n * float(values.var(ddof=1))
    z = (observed - mean) / math.sqrt(2 * variance)
    return math.erfc(-z) / 2, math.erfc(z) / 2


@lru_cache(maxsize=4096)
def _distribution(strata: tuple[Stratum, ...]) -> Floats:
    """The probability of each sum from the smallest on."""
    total = np.ones(1)
    for stratum in strata:
        total = np.convolve(total, _one(stratum))
    return total


@lru_cache(maxsize=4096)
def _one(stratum: Stratum) -> Floats:
    """The same for one stratum: in how many ways so many of the scores have each sum."""
    scores, size = stratum
    shifted = [score - scores[0] for score in scores]
    width = sum(shifted[len(shifted) - size :]) + 1
    ways = np.zeros((size + 1, width))  # [how many were taken, their sum]
    ways[0, 0] = 1
    for score in shifted:
        if score < width:
            ways[1:, score:] += ways[:-1, : width - score]
    first = sum(shifted[:size])
    found = ways[size, first:]
    return np.asarray(found / found.sum())
