"""Intervals, ranks and pairs: exact where they can be, and honest about few studies in simulation."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.score import ScoreOptions, score_board
from harness.score.pairwise import Comparison, compare_studies, holm
from harness.score.profiles import profile
from harness.score.uncertainty import (
    log_variances,
    mean_ratio_interval,
    prior_weight,
    profile_bands,
    rank_probabilities,
    replicate_medians,
    student_quantile,
)
from tests.score.builders import INF, made

NAN = math.nan


def table(*cells: list[float]) -> np.ndarray:
    """One submission, a workload for each cell."""
    return np.array([cells], dtype=float)


def test_the_prior_is_learned_from_studies_that_disagree():
    assert prior_weight(table([1, 2, 3], [INF, INF, INF])) == 0
    # one of three cells has disagreeing pairs: 2 of its 3, so 2 of 9 in all
    assert prior_weight(table([1, 2, 3], [1, 1, 1], [1, 2, INF])) == pytest.approx((2 / 9) / (1 - 4 / 9))
    assert prior_weight(table([1, INF])) == 1
    assert prior_weight(table([1, NAN])) == 0


def test_replicates_are_medians_of_studies_drawn_again():
    medians = replicate_medians(table([1, 2, 4]), 20_000, np.random.default_rng(0))[:, 0, 0]
    # the median of three draws of three: 7, 13 and 7 of 27
    assert {float(x): round(float((medians == x).mean()), 2) for x in np.unique(medians)} == {1: 0.26, 2: 0.48, 4: 0.26}


def test_a_cell_that_always_hits_may_miss_when_others_are_split():
    studies = np.array([[[1, 1, 1], [1, 1, INF], [INF, INF, INF]], [[2, 2, 2], [2, 2, 2], [2, 3, 2]]])
    medians = replicate_medians(studies, 20_000, np.random.default_rng(0))
    missed = np.isinf(medians[:, 0]).mean(axis=0)
    assert 0 < missed[0] < 0.1 < missed[1] < 0.5 < 0.9 < missed[2] < 1
    # a hit that was never seen takes the time of the slowest on the workload
    assert set(medians[:, 0, 2].tolist()) == {3, INF}
    sure = replicate_medians(table([1, 1, 1], [INF, INF, INF]), 100, np.random.default_rng(0))[:, 0]
    assert (sure == [1, INF]).all()


def test_a_workload_that_was_not_run_stays_out():
    assert np.isnan(replicate_medians(table([NAN, NAN], [1, 2]), 10, np.random.default_rng(0))[:, 0, 0]).all()


def test_two_studies_are_spread_as_wide_as_they_should():
    rng = np.random.default_rng(1)
    times = np.exp(0.05 * rng.standard_normal((400, 1, 2)))
    spread = np.sqrt(log_variances(replicate_medians(times, 200, rng)).mean())
    assert spread == pytest.approx(0.05 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("degrees", [1, 1.7, 2, 3, 8, 300])
def test_student_against_scipy(degrees):
    assert student_quantile(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=1e-9)


def test_without_a_degree_of_freedom_nothing_is_known():
    assert math.isnan(student_quantile(0))
    assert math.isnan(mean_ratio_interval(0.0, 0.1, 0).low)


def test_profile_bands_are_quantiles_of_profiles():
    rng = np.random.default_rng(0)
    ratios, taus = 1 + rng.exponential(size=(999, 5)), np.linspace(1, 4, 31)
    low, high = profile_bands(ratios, taus)
    profiles = profile(ratios, taus)
    np.testing.assert_array_equal(low, np.quantile(profiles, 0.025, axis=0, method="inverted_cdf"))
    np.testing.assert_array_equal(high, np.quantile(profiles, 0.975, axis=0, method="inverted_cdf"))


def test_rank_probabilities_share_ties():
    scores = np.array([[0.9, 0.5, 0.5], [0.1, 0.5, 0.9]])
    assert rank_probabilities(scores).tolist() == [[0.5, 0, 0.5], [0, 0.75, 0.25], [0.5, 0.25, 0.25]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from([1.0, 1.1, 2.0, INF]), min_size=3, max_size=3), min_size=2, max_size=4))
def test_what_holds_on_every_board(cells):
    board = score_board(made({f"s{i}": {"lm": [[t] for t in cell], "vit": [[1.0], [1.1], [1.2]]} for i, cell in enumerate(cells)}))
    for entry in board.entries:
        assert 0 <= entry.interval.low <= entry.score <= entry.interval.high <= 1 + 1e-12
        assert sum(entry.rank_probabilities) == pytest.approx(1)
    np.testing.assert_allclose(np.sum([entry.rank_probabilities for entry in board.entries], axis=0), 1)


def test_the_seed_decides_and_nothing_else():
    results = made({"a": {"lm": [[10.0], [11.0], [12.0]]}, "b": {"lm": [[11.0], [12.5], [INF]]}})
    first, second, other = (score_board(results, ScoreOptions(seed=seed)) for seed in (1, 1, 2))
    assert repr(first.entries) == repr(second.entries)
    assert repr(first.entries) != repr(other.entries)


def test_one_study_says_nothing_about_spread():
    board = score_board(made({"a": {"lm": [[10.0]]}, "b": {"lm": [[20.0]]}}))
    assert all(math.isnan(entry.interval.low) and math.isnan(entry.rank_probabilities[0]) for entry in board.entries)
    assert board.pairs[0].verdict == "not distinguishable"
    assert math.isnan(board.pairs[0].p)
    assert any("one study in every cell" in note for note in board.notes)


def compare(a: np.ndarray, b: np.ndarray) -> Comparison:
    """Compares studies of which the missed ones will never reach the target."""
    return compare_studies(a, b, a, b)


def test_p_pairs_by_workload():
    # each workload has its own scale: only a comparison within workloads can see 10 %
    scale = np.array([[1.0], [100.0], [10_000.0]])
    noise = np.array([[1.0, 1.02, 1.04]])
    found = compare(scale * noise, 1.1 * scale * noise)
    assert (found.test, found.p) == ("times", pytest.approx(2 / 20**3))
    assert found.excess > 0 > compare(1.1 * scale * noise, scale * noise).excess


def test_reached_against_missed_is_evidence():
    # slower where both reach the target, and alone in reaching it on three other workloads
    a, b = np.array([[62.0, 63, 64]] * 3 + [[75.0, 74, 76]]), np.array([[INF, INF, INF]] * 3 + [[45.0, 46, 47]])
    found = compare(a, b)
    assert (found.test, found.p) == ("reached", pytest.approx(2 * 2 / 20**3))
    times = {"a": a, "b": b}
    board = score_board(made({name: {f"w{w}": [[t] for t in row] for w, row in enumerate(own)} for name, own in times.items()}))
    assert board.pairs[0].verdict == "a reaches more than b"
    assert board.pairs[0].ratio > 1


def test_a_test_that_could_not_be_significant_costs_nothing():
    a, b = np.array([[1.0, 1.02, 1.04]] * 3), np.array([[1.1, 1.12, 1.14]] * 3)
    one_miss = np.array([[1.1, 1.12, 1.14]] * 2 + [[1.1, 1.12, INF]])
    assert compare(a, one_miss).p == compare(a, b).p


def test_a_stopped_study_is_no_miss():
    a, b = np.array([[1.0, 1.1, 1.2]] * 3), np.array([[INF, INF, INF]] * 3)
    stopped = np.full((3, 3), 1.1)  # before two of a's three had arrived, it had not: nothing is known of the third
    missed, unknown = compare(a, b), compare_studies(a, b, a, stopped)
    assert missed.p < unknown.p
    assert (missed.test, unknown.test) == ("reached", "times")
    assert unknown.excess > 0
    assert compare_studies(a, b, a, np.zeros((3, 3))).p == 1


def test_p_without_spread_without_studies_and_without_hits():
    assert compare(np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]])).p == pytest.approx(2 / 6)
    assert math.isnan(compare(np.array([[1.0, NAN]]), np.array([[2.0, 2.1]])).p)
    assert math.isnan(compare(np.full((1, 2), INF), np.full((1, 2), INF)).p)


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, NAN, 0.03])).tolist() == pytest.approx([0.03, 0.06, NAN, 0.06], nan_ok=True)


def test_a_pair_by_hand():
    times = {"a": [10.0, 10.5, 11.0], "b": [20.0, 21.0, 22.0]}
    results = made({name: {w: [[t] for t in studies] for w in ("lm", "vit")} for name, studies in times.items()})
    (pair,) = score_board(results).pairs
    assert (pair.first, pair.second, pair.workloads, pair.only_first) == ("a", "b", 2, 0)
    assert pair.ratio == pytest.approx(0.5)
    assert pair.interval.low < 0.5 < pair.interval.high < 0.6
    assert pair.verdict == "a faster than b"
    board = score_board(results, ScoreOptions(reference="b"))
    assert board.entries[0].speedup.ratio == pytest.approx(2)
    assert board.entries[0].speedup.interval.low < 2 < board.entries[0].speedup.interval.high
    assert board.entries[0].step_speedup.ratio == pytest.approx(2)


def test_leaving_out_by_hand():
    # a leads on lm, b on vit; c is twice as slow as either
    times = {"a": {"lm": 10.0, "vit": 20.0}, "b": {"lm": 20.0, "vit": 10.0}, "c": {"lm": 20.0, "vit": 20.0}}
    board = score_board(made({name: {w: [[t]] for w, t in row.items()} for name, row in times.items()}))
    leave_one_out = {(shift.left_out, shift.submission): shift for shift in board.leave_one_out}
    assert len(leave_one_out) == 2 * 3 + 3 * 2
    assert leave_one_out["vit", "a"].score == pytest.approx(1)
    assert leave_one_out["vit", "b"].score == pytest.approx(2 / 3)
    assert leave_one_out["vit", "b"].rank_change == 1
    assert leave_one_out["a", "c"].score == pytest.approx((1 + 2 / 3) / 2)
    assert leave_one_out["a", "c"].score_change == pytest.approx((1 + 2 / 3) / 2 - 2 / 3)
    assert leave_one_out["c", "a"].score_change == 0


def test_leaving_out_a_base_takes_its_variant_along():
    results = made({"a": {"lm": [[10.0]], "lm2": [[INF]], "vit": [[10.0]]}}, {"lm2": "lm"})
    board = score_board(results)
    assert board.entries[0].score == 0.5
    assert {(shift.left_out, shift.score) for shift in board.leave_one_out} == {("lm", 1.0), ("vit", 0.0)}


def test_a_reference_that_reaches_nothing():
    results = made({"a": {"lm": [[10.0]]}, "b": {"lm": [[INF]]}})
    entry = score_board(results, ScoreOptions(reference="b")).entries[0]
    assert math.isnan(entry.speedup.ratio)
    assert entry.speedup.workloads == 0
    assert score_board(replace(results)).reference == "a"


def test_coverage_in_small():
    """A short form of benchmarks/coverage.py, with room for the noise of forty boards: it fails if an estimator breaks, not at a draw."""
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    coverage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(coverage)
    planted = coverage.simulate(coverage.SubmissionContext("planted", 8, 8, 3), 40)
    assert planted.score_coverage > 0.90
    assert planted.ratio_coverage > 0.85
    equal = coverage.simulate(coverage.SubmissionContext("equal", 4, 4, 3), 60)
    assert equal.false_boards <= 0.1
    faster = coverage.simulate(coverage.SubmissionContext("faster", 4, 8, 3), 30)
    assert faster.power > 0.5
