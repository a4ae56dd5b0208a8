"""The rules on boards that were computed by hand, and what must hold on any board."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.score.profiles import apply_chain, exact_score, performance_ratios, profile, ranks, scores, trapezoid_score

INF, NAN = np.inf, np.nan


def own(columns: int) -> np.ndarray:
    return np.arange(columns)


def score(*rows: list[float]) -> list[float]:
    times = np.array(rows)
    return scores(times, own(times.shape[1]), "finishline").tolist()


def test_score_by_hand():
    # ratios a: 1, 2, 1.5   b: 2, 1, 1; each ratio r gives (4 - r) / 3
    assert score([10, 20, 30], [20, 10, 20]) == pytest.approx([(1 + 2 / 3 + 2.5 / 3) / 3, (2 / 3 + 1 + 1) / 3])


def test_ties_share_the_best():
    assert score([10, 10], [10, 10]) == [1, 1]


def test_one_submission_is_its_own_best():
    assert score([10, 300]) == [1]


def test_a_workload_that_nobody_reaches_counts_for_nobody():
    assert score([10, INF], [20, INF]) == pytest.approx([0.5, (2 / 3) / 2])


def test_missing_is_a_miss():
    assert score([10, NAN], [20, 10]) == pytest.approx([0.5, (2 / 3 + 1) / 2])


def test_exactly_four_times_adds_nothing_and_still_counts_in_the_profile():
    times = np.array([[10.0], [40.0], [40.1]])
    ratios = performance_ratios(apply_chain(times, own(1)))
    assert ratios.ravel().tolist() == [1, 4, INF]
    assert exact_score(ratios).tolist() == [1, 0, 0]
    assert profile(ratios, np.array([3.99, 4.0])).tolist() == [[1, 1], [0, 1], [0, 0]]


def test_zero_time_ties_only_with_zero():
    assert score([0], [0], [5]) == [1, 1, 0]


def test_trapezoid_by_hand():
    # a step from 0 to 1 at ratio 2 lies between the taus 1.97 and 2.0 of 100: exactly on tau 2
    ratios = np.array([[1.0], [2.0]])
    step = 3 / 99
    first = np.flatnonzero(np.linspace(1, 4, 100) >= 2)[0]
    expected = ((99 - first) * step + step / 2) / 3
    assert trapezoid_score(ratios).tolist() == pytest.approx([1, expected], abs=1e-12)


@pytest.mark.parametrize(
    ("base", "variant", "expected"),
    [
        ([10, 20], [10, INF], [10, INF]),  # the variant is missed: the base is lost
        ([10, INF], [10, 5], [10, INF]),  # the base is missed: the variant is lost, and does not cut the other (2 x its 5)
        ([10, 20], [10, NAN], [10, INF]),  # the variant was not run
        ([10, 20], [1, 5], [10, INF]),  # the variant is above 4 x the best
        ([10, 20], [1, 4], [10, 20]),  # exactly 4 x is within
    ],
)
def test_variant_chain(base, variant, expected):
    times = np.array([base, variant], dtype=float).T
    assert apply_chain(times, np.array([0, 0])).ravel().tolist() == expected


def test_a_missed_base_takes_its_variant_out_before_the_cut():
    # b misses the base; its variant time of 1 must not cut a's 10
    times = np.array([[10.0, 10.0], [INF, 1.0]])
    assert apply_chain(times, np.array([0, 0])).tolist() == [[10], [INF]]


def test_a_leader_that_is_struck_later_still_cuts():
    # the cut at 4 x comes before the base is struck for its variant, as in the reference
    times = np.array([[1.0, INF], [10.0, 10.0]])
    assert apply_chain(times, np.array([0, 0])).tolist() == [[INF], [INF]]


def test_two_variants_of_one_base_and_one_without_a_base():
    times = np.array([[10.0, 1.0, 1.0, INF], [10.0, 1.0, INF, 1.0]])
    assert apply_chain(times, np.array([0, 0, 0, -1])).tolist() == [[10], [INF]]


def test_ranks_share_the_better_place():
    assert ranks(np.array([0.5, 0.9, 0.5, 0.1])).tolist() == [2, 1, 2, 4]
    assert ranks(np.array([[0.5, 0.5 + 1e-15], [0.1, 0.2]])).tolist() == [[1, 1], [2, 1]]


TIMES = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.one_of(st.floats(0.1, 1e5), st.sampled_from([INF, NAN, 1.0, 4.0])),
)
BOARDS = st.tuples(TIMES, st.randoms(use_true_random=False))


def with_variants(times: np.ndarray, random) -> np.ndarray:
    """Some workloads become variants of the first."""
    bases = own(times.shape[1])
    for w in range(1, len(bases)):
        if random.random() < 0.3:
            bases[w] = 0
    return bases


@settings(deadline=None, max_examples=150)
@given(BOARDS)
def test_a_score_lies_between_0_and_1(board):
    times, random = board
    for rules in ("finishline", "algoperf"):
        found = scores(times, with_variants(times, random), rules)
        assert ((found >= 0) & (found <= 1 + 1e-12)).all()


@settings(deadline=None, max_examples=150)
@given(BOARDS, st.integers(-8, 8))
def test_the_unit_of_a_workload_does_not_matter(board, power):
    times, random = board
    bases = with_variants(times, random)
    scaled = times.copy()
    scaled[:, -1] *= 2.0**power  # exact in binary, so that no ratio moves by rounding
    np.testing.assert_array_equal(scores(scaled, bases, "finishline"), scores(times, bases, "finishline"))


@settings(deadline=None, max_examples=150)
@given(BOARDS)
def test_the_order_of_submissions_does_not_matter(board):
    times, random = board
    bases = with_variants(times, random)
    order = list(range(len(times)))
    random.shuffle(order)
    np.testing.assert_allclose(scores(times[order], bases, "finishline"), scores(times, bases, "finishline")[order], rtol=0, atol=1e-15)


@settings(deadline=None, max_examples=300)
@given(BOARDS, st.data())
def test_a_faster_submission_never_loses(board, data):
    times, random = board
    bases = with_variants(times, random)
    s = data.draw(st.integers(0, times.shape[0] - 1))
    w = data.draw(st.integers(0, times.shape[1] - 1))
    faster = times.copy()
    faster[s, w] = data.draw(st.floats(0.05, 1.0)) * (times[s, w] if np.isfinite(times[s, w]) else 1e5)
    before, after = (scores(x, bases, "finishline")[s] for x in (times, faster))
    assert after >= before - 1e-12


@settings(deadline=None, max_examples=100)
@given(TIMES)
def test_the_exact_integral_is_the_limit_of_a_grid(times):
    ratios = performance_ratios(apply_chain(times, own(times.shape[1])))
    edges = np.linspace(1, 4, 30_001)
    grid = profile(ratios, (edges[1:] + edges[:-1]) / 2).mean(axis=-1)
    np.testing.assert_allclose(exact_score(ratios), grid, atol=1e-4)


def test_leading_axes_are_replicates():
    rng = np.random.default_rng(0)
    times = rng.lognormal(size=(7, 4, 5))
    bases = np.array([0, 1, 2, 0, 1])
    for rules in ("finishline", "algoperf"):
        np.testing.assert_array_equal(scores(times, bases, rules), np.stack([scores(board, bases, rules) for board in times]))
