"""benchmarks/evaluations.py: its bare loop is a real trial, and its answers follow from its rows."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.evaluations import Curve, Point, gain, read, report, run, train, waits, write
from harness.ledger.rows import read_rows
from harness.project.project import Project
from harness.workload import WorkloadConfig
from tests.conftest import SGD, World

SCHEDULED = SGD.replace("from harness.submission", "from harness.schedules import warmup_then_linear\nfrom harness.submission") + (
    "        self.schedule = warmup_then_linear(self.optimizer, 0.1, self.horizon)\n"
)


@pytest.fixture
def config(world: World) -> WorkloadConfig:
    """Sixteen examples a step, ten steps a period; no test split is at its target."""
    return replace(world.spec(SCHEDULED).workload, step_hint=400)


def test_the_bare_loop_is_a_real_trial_evaluated_more_often(world: World, config: WorkloadConfig) -> None:
    outcome = world.run(SCHEDULED, step_hint=400, seed=7, evaluate_every=160)
    trial = {row.step: row.valid_metric for row in read_rows(outcome.folder / "evals.csv")}
    points = list(train(Project(world.root), config, "toy_sgd", 7, world.cache))
    assert [point.step for point in points] == [*(math.ceil(2.5 * quarter) for quarter in range(56, 168)), 420]
    bare = {point.step: point.valid for point in points if point.quarter % 4 == 0}
    assert bare == {step: value for step, value in trial.items() if step >= 140}
    assert all(math.isnan(point.test) == (point.quarter % 4 != 0) for point in points)


def test_a_run_ends_when_its_target_has_stayed_met_for_four_periods(world: World, config: WorkloadConfig) -> None:
    world.submission(SCHEDULED)
    points = run(Project(world.root), replace(config, target=1e9), "toy_sgd", 1, world.cache)
    assert [point.quarter for point in points] == list(range(56, 56 + 17))


def test_one_evaluation_a_period_gives_the_same_run(world: World, config: WorkloadConfig) -> None:
    world.submission(SCHEDULED)
    easy = replace(config, target=1e9)
    four, one = (Curve(easy, "toy_sgd", 1, run(Project(world.root), easy, "toy_sgd", 1, world.cache, n)) for n in (4, 1))
    assert one.points == four.points[::4]
    assert (len(gain([four, one], 1, None)), len(gain([four, one], 4, None))) == (2, 1)


def curve(config: WorkloadConfig, valid: Sequence[float], test: Sequence[float]) -> Curve:
    """Four evaluations a period of two steps each, from the tenth period on, filled up to the end of a schedule."""
    points = [Point(40 + n, 80 + 2 * n, 0, v, t) for n, (v, t) in enumerate(zip(valid, test, strict=True))]
    return Curve(replace(config, target=0.5), "toy_sgd", 1, points)


@pytest.fixture
def late(config: WorkloadConfig) -> Curve:
    """Meets validation at the second quarter, for good at the fifth; test values fall from 0.9 by 0.05 an evaluation."""
    return curve(config, [0.6, 0.4, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], [0.9 - 0.05 * n for n in range(13)])


def test_more_evaluations_reach_earlier(late: Curve) -> None:
    assert [point.quarter for n in (1, 2, 4) if (point := late.reach(n))] == [48, 46, 41]
    assert gain([late], 2, None) == [92 / 96]
    assert gain([late], 4, None) == [82 / 96]
    assert gain([late], 4, test_target=0.66) == [90 / 96]


def test_a_test_target_makes_a_run_wait_or_refuses_it(late: Curve) -> None:
    assert waits(late, 0.51) == 0
    assert waits(late, 0.31) == 1
    assert waits(late, 0.1) is None
    assert late.whole


def test_free_validation_gains_what_the_test_target_leaves(late: Curve) -> None:
    assert gain([late], 1, test_target=0.51, valid=False) == [1.0]
    assert gain([late], 1, test_target=0.75, valid=False) == [88 / 96]
    assert gain([late], 1, test_target=0.95, valid=False) == [80 / 96]


def test_the_report_counts_runs_that_wait_and_runs_that_never_reach(late: Curve) -> None:
    early = replace(late, seed=2, points=[replace(point, test=point.test - 0.3) for point in late.points])
    lines = report([late, early]).splitlines()
    (at_worst,) = [line for line in lines if "(worst)" in line]
    (at_median,) = [line for line in lines if "(median)" in line]
    assert at_worst.split("|")[5:9] == [" 0 ", " - ", " 0 ", " 0 "]
    assert at_median.split("|")[5:9] == [" 1 ", " 1 ", " 0 ", " 0 "]


def test_a_written_run_reads_back(late: Curve, tmp_path: Path) -> None:
    points = [*late.points, Point(53, 106, 1696, 0.1, math.nan)]
    write(tmp_path / "toy-cpu" / "toy_sgd" / "3.csv", points)
    (again,) = read(tmp_path, late.workload)
    assert (again.submission, again.seed) == ("toy_sgd", 3)
    assert repr(again.points) == repr(points)
