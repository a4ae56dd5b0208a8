"""The exact tests against brute force and against scipy."""

import itertools

import numpy as np
import pytest
import scipy.stats

from harness.score import permutation
from harness.score.permutation import sum_of_reached, sum_of_times
from tests.score.builders import INF

NAN = np.nan


def gehan(times: list[float], bounds: list[float]) -> list[int]:
    """Gehan's scores one pair at a time: how many are certainly slower, less how many are certainly faster."""

    def slower(i: int, j: int) -> bool:
        return times[j] < INF and (times[i] > times[j] if times[i] < INF else bounds[i] >= times[j])

    n = range(len(times))
    return [sum(slower(j, i) for j in n) - sum(slower(i, j) for j in n) for i in n]


def by_brute_force(strata: list[tuple[list[int], int]]) -> float:
    """p of the sum of the first `size` scores of each stratum, from all divisions."""
    observed = sum(sum(scores[:size]) for scores, size in strata)
    sums = [sum(c) for c in itertools.product(*([sum(chosen) for chosen in itertools.combinations(s, size)] for s, size in strata))]
    return min(1.0, 2 * min(np.mean([s <= observed for s in sums]), np.mean([s >= observed for s in sums])))


@pytest.mark.parametrize("seed", range(20))
def test_both_sums_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    times = rng.choice([1.0, 2.0, 3.0, 4.0, INF, INF], size=(3, 6))
    stopped = np.isinf(times) & (rng.random(times.shape) < 0.4)
    bounds = np.where(stopped, rng.choice([0.0, 2.0, 3.5], size=times.shape), times)
    first = [True, True, True, False, False, False]
    found = sum_of_times(times, bounds, first)
    assert found.p == pytest.approx(by_brute_force([(gehan(t, b), 3) for t, b in zip(times.tolist(), bounds.tolist(), strict=True)]))
    reached = sum_of_reached(times, bounds, first)
    known = [[(t < INF, first[i]) for i, t in enumerate(row) if not stopped[w, i]] for w, row in enumerate(times)]
    strata = [([int(hit) for hit, _ in sorted(row, key=lambda pair: not pair[1])], sum(own for _, own in row)) for row in known]
    assert reached.p == pytest.approx(by_brute_force(strata))
    assert reached.smallest_p <= reached.p


def test_one_workload_against_mann_whitney_and_fisher():
    rng = np.random.default_rng(0)
    a, b = rng.random(6), rng.random(9) + 0.3
    times = np.concatenate([a, b])[None]
    first = [True] * 6 + [False] * 9
    assert sum_of_times(times, times, first).p == pytest.approx(scipy.stats.mannwhitneyu(a, b, method="exact").pvalue)
    times = np.array([[1, 2, 3, 4, 5, INF, 1, 2, INF, INF, INF, INF]])
    one_sided = scipy.stats.fisher_exact([[5, 1], [2, 4]], alternative="greater").pvalue
    assert sum_of_reached(times, times, [True] * 6 + [False] * 6).p == pytest.approx(2 * one_sided)


def test_many_studies_are_close_to_normal(monkeypatch):
    rng = np.random.default_rng(1)
    times = np.concatenate([rng.random((3, 15)), rng.random((3, 15)) + 0.15], axis=1)
    times[:, ::7] = INF
    first = [True] * 15 + [False] * 15
    exact = sum_of_times(times, times, first)
    monkeypatch.setattr(permutation, "MOST_EXACT", 10)
    assert sum_of_times(times, times, first).p == pytest.approx(exact.p, rel=0.1)


def test_what_says_nothing_is_left_out():
    times = np.array([[1.0, NAN, NAN, NAN], [1.0, 1.0, 1.0, NAN], [INF, INF, INF, INF]])
    found = sum_of_times(times, times, [True, True, False, False])
    assert (found.strata, found.p, found.excess) == ((), 1.0, 0.0)
