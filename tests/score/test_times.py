"""Trials to study times to medians, under both rules and on every clock."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.score import ScoreOptions, score_board
from harness.score.results import Results, TargetReached
from harness.score.times import median, tabulate
from tests.score.builders import INF, made

NAN = np.nan


@pytest.mark.parametrize(
    ("studies", "expected"),
    [
        ([3, 1, 2], 2),
        ([3, 1, INF], 3),
        ([1, INF, INF], INF),
        ([1, 2, NAN], 1.5),
        ([1, INF, NAN], INF),  # the mean of the middle two
        ([1, 2, 3, INF], 2.5),
        ([5, NAN, NAN], 5),
        ([NAN, NAN, NAN], NAN),
    ],
)
def test_median_lets_misses_take_part(studies, expected):
    assert median(np.array(studies, dtype=float)) == pytest.approx(expected, nan_ok=True)


def with_hits(results: Results, hits: list[TargetReached | None]) -> Results:
    return replace(results, trials=tuple(replace(trial, reached=at) for trial, at in zip(results.trials, hits, strict=True)))


def at(evaluation: int, time_s: float, steps: float, cpu_time_s: float) -> TargetReached:
    return TargetReached(evaluation=evaluation, time_s=time_s, steps=steps, cpu_time_s=cpu_time_s)


def test_a_study_takes_its_fastest_trial():
    results = made({"a": {"lm": [[30, 10, INF], [INF, INF, INF]]}})
    table = tabulate(results, "time", "finishline")
    assert table.study_times_SWK.tolist() == [[[10, INF]]]
    assert table.study_steps_SWK.tolist() == [[[100, INF]]]


def test_algoperf_takes_the_earliest_evaluation_and_breaks_ties_by_time():
    results = with_hits(
        made({"a": {"lm": [[1, 2, 3, 4]]}}),
        [
            at(9, 10.0, 5, 0),
            at(2, 40.0, 7, 0),
            at(2, 30.0, 9, 0),
            None,
        ],
    )
    assert tabulate(results, "time", "algoperf").study_times_SWK.tolist() == [[[30]]]
    assert tabulate(results, "time", "finishline").study_times_SWK.tolist() == [[[10]]]


def test_each_clock_picks_its_own_fastest_trial():
    results = with_hits(
        made({"a": {"lm": [[1, 2]]}}),
        [
            at(1, 10.0, 500, 90.0),
            at(1, 20.0, 400, 80.0),
        ],
    )
    readings = {clock: tabulate(results, clock, "finishline").study_times_SWK.item() for clock in ("time", "steps", "cpu_time")}
    assert readings == {"time": 10, "steps": 400, "cpu_time": 80}
    assert tabulate(results, "steps", "finishline").study_seconds_SWK.item() == 20


def test_a_clock_that_was_not_recorded_is_refused():
    results = with_hits(made({"a": {"lm": [[1]]}}), [at(1, 10.0, 500, NAN)])
    with pytest.raises(UserError, match=r"clock=cpu_time: not recorded for a on lm, study 1"):
        tabulate(results, "cpu_time", "finishline")


def test_a_study_without_logs_is_a_miss_here_and_absent_there():
    results = made({"a": {"lm": [[10], [INF], [INF]]}})
    crashed = replace(results, trials=tuple(replace(t, logged=t.reached is not None) for t in results.trials))
    assert tabulate(crashed, "time", "finishline").study_times_SWK.tolist() == [[[10, INF, INF]]]
    assert tabulate(crashed, "time", "algoperf").study_times_SWK.tolist() == [[[10]]]


def test_a_workload_that_one_submission_never_ran_is_missing():
    table = tabulate(made({"a": {"lm": [[10]], "vit": [[20]]}, "b": {"lm": [[5]]}}), "time", "finishline")
    assert np.isnan(table.study_times_SWK[1, 1]).all()
    board = score_board(made({"a": {"lm": [[10]], "vit": [[20]]}, "b": {"lm": [[5]]}}))
    assert [(cell.submission, cell.workload) for cell in board.cells if cell.why == "not run"] == [("b", "vit")]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, INF]), min_size=1, max_size=3), min_size=1, max_size=4), st.randoms())
def test_the_order_of_trials_does_not_matter(studies, random):
    results = made({"a": {"lm": studies, "vit": studies[:1]}, "b": {"lm": [[4.0]], "vit": [[2.0]]}})
    shuffled = list(results.trials)
    random.shuffle(shuffled)
    again = replace(results, trials=tuple(shuffled))
    options = ScoreOptions(bootstrap=50)
    first, second = score_board(results, options), score_board(again, options)
    for part in ("entries", "cells", "studies", "pairs", "leave_one_out", "notes"):
        assert repr(getattr(first, part)) == repr(getattr(second, part))  # NaN prints alike and is never equal
