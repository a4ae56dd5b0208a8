"""The arithmetic of a target, on evidence worked out by hand."""

from dataclasses import replace

import pytest

from harness.errors import UserError
from harness.targets.arithmetic import Crossing, Run, best_run, meets, propose, spread, validation_target, worst_with_margin
from harness.workload import WorkloadConfig
from tests.conftest import World


@pytest.fixture
def lower(world: World) -> WorkloadConfig:
    return world.spec().workload


@pytest.fixture
def higher(lower: WorkloadConfig) -> WorkloadConfig:
    return replace(lower, direction="maximize")


def run(best: float | None, name: str = "a", point: int = 1) -> Run:
    return Run(name, point, {"learning_rate": 0.1}, 7, best, 10, 20, 3.0, "missed", "done")


def crossing(test: float | None, steps: int = 10, seconds: float = 1.0) -> Crossing:
    if test is None:
        return Crossing(1, False, None, None, None, None, None, True)
    return Crossing(1, True, 0.5, test, steps, seconds, 0.9 * seconds, True)


def test_the_best_run_is_the_lowest_or_highest_and_the_first_of_equals(lower: WorkloadConfig, higher: WorkloadConfig) -> None:
    runs = [run(0.3, point=1), run(None, point=2), run(0.2, point=3), run(0.2, point=4), run(0.4, point=5)]
    assert best_run(runs, lower).point == 3
    assert best_run(runs, higher).point == 5


def test_no_run_with_a_value(lower: WorkloadConfig) -> None:
    with pytest.raises(UserError, match="none of the 2 runs"):
        best_run([run(None), run(None)], lower)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((0.1, 0.3, 0.2), 0.2, 0.2),
        ((0.1, 0.3), 0.2, 0.2),
        ((1.23451, 1.0, 2.0), 1.235, 1.234),
        ((123451.0,), 123500.0, 123400.0),
        ((0.1, None, 0.3), 0.3, 0.1),
        ((-0.123456,), -0.1234, -0.1235),
    ],
)
def test_the_target_is_the_median_rounded_to_the_easier_side(
    values: tuple[float | None, ...], low: float, high: float, lower: WorkloadConfig, higher: WorkloadConfig
) -> None:
    assert validation_target([run(value) for value in values], lower) == low
    assert validation_target([run(value) for value in values], higher) == high


def test_the_median_run_itself_meets_the_target(lower: WorkloadConfig, higher: WorkloadConfig) -> None:
    runs = [run(best) for best in (1.850049, 1.8300001, 1.8499999)]
    assert [meets(r, validation_target(runs, lower), lower) for r in runs] == [False, True, True]
    assert [meets(r, validation_target(runs, higher), higher) for r in runs] == [True, False, True]
    assert not meets(run(None), 1.0, lower)


def test_no_target_when_most_repeats_diverged(lower: WorkloadConfig) -> None:
    with pytest.raises(UserError, match="3 repeats of the best point on toy/cpu diverged"):
        validation_target([run(0.1), run(None), run(None)], lower)


def test_the_proposal(lower: WorkloadConfig, higher: WorkloadConfig) -> None:
    crossings = [crossing(0.52, 80, 8.0), crossing(0.55, 100, 10.2), crossing(0.51, 120, 14.0), crossing(None)]
    proposal = propose(0.5, crossings, 5, lower)
    assert proposal.test_target == worst_with_margin([0.52, 0.55, 0.51], lower)
    assert propose(0.5, crossings, 5, higher).test_target == worst_with_margin([0.52, 0.55, 0.51], higher)
    assert (proposal.reached, proposal.repeats, proposal.probability) == (3, 5, 0.6)
    assert (proposal.median_steps, proposal.median_seconds) == (100, 10.2)
    assert proposal.median_cpu_seconds == pytest.approx(9.18)
    assert proposal.budget_s == 41
    assert proposal.spread_steps == pytest.approx(0.2)


def test_the_test_target_is_the_worst_value_and_a_deviation(lower: WorkloadConfig, higher: WorkloadConfig) -> None:
    assert worst_with_margin([0.50, 0.52, 0.54], lower) == 0.56
    assert worst_with_margin([0.50, 0.52, 0.54], higher) == 0.48
    assert worst_with_margin([0.50001, 0.50001], lower) == 0.5001
    assert worst_with_margin([0.50009, 0.50009], higher) == 0.5
    assert worst_with_margin([0.5], lower) == 0.5


def test_no_run_reaches_again(lower: WorkloadConfig) -> None:
    with pytest.raises(UserError, match="no repeat reached"):
        propose(0.5, [crossing(None)], 1, lower)


def test_spread_is_deviation_over_mean() -> None:
    assert spread([90, 100, 110]) == pytest.approx(0.1)
    assert spread([-90, -100, -110]) == pytest.approx(0.1)
    assert spread([5]) is None
    assert spread([-1, 1]) is None
