"""The forecast of a running trial: a range from the reference's curve, or nothing."""

from dataclasses import fields, replace

import pytest

from harness.callbacks.display import forecast_in_words
from harness.callbacks.forecast import Forecast, ReferenceCurve, curve_path, forecast, read_curve, write_curve
from harness.cli import PROJECT
from harness.ledger.rows import Row
from harness.project.project import Project
from harness.workload import Direction
from tests.score.builders import WORKLOAD

# a step hint of 300 steps of 16 examples
CURVE = ReferenceCurve(
    submission="nadamw", workload="lm/cpu", version=1, target=1.85, examples=(0, 1000, 2000, 3000), metric=(5.0, 3.0, 3.2, 1.8)
)


def rows(*points: tuple[int, float, float]) -> list[Row]:
    """Rows of (examples, seconds, metric)."""
    zero = dict.fromkeys((field.name for field in fields(Row)), 0)
    return [Row(**zero | {"examples": e, "time_s": t, "valid_metric": m}) for e, t, m in points]


def about(low_s: float, high_s: float) -> Forecast:
    return Forecast(low_s=pytest.approx(low_s), high_s=pytest.approx(high_s))


def test_the_range_follows_from_where_the_reference_was():
    # at 3.0 the reference was at a third of its way: as much again twice is ahead, give or take a factor of two
    assert forecast(rows((0, 0.0, 5.0), (1500, 30.0, 3.0)), CURVE, WORKLOAD, 180.0) == about(60.0, 150.0)
    # between two evaluations by a straight line: 4.0 is at 500 examples, a sixth of the way
    assert forecast(rows((500, 10.0, 4.0)), CURVE, WORKLOAD, 180.0) == about(35.0, 110.0)
    # the best so far counts, not the last
    assert forecast(rows((1000, 20.0, 3.0), (1500, 30.0, 3.3)), CURVE, WORKLOAD, 180.0) == about(60.0, 150.0)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "nothing was evaluated"),
        ([(0, 0.0, 5.0)], "the start"),
        ([(10, 1.0, float("nan"))], "not a number"),
        ([(1000, 20.0, 1.85)], "at the target"),
        ([(1601, 30.0, 3.0)], "three times that is beyond the step hint"),
        ([(1500, 61.0, 3.0)], "three times that is beyond the budget"),
    ],
)
def test_it_says_nothing_where_it_does_not_know(points, why):
    assert forecast(rows(*points), CURVE, WORKLOAD, 180.0) is None, why


def test_metrics_that_go_up():
    workload = replace(WORKLOAD, direction=Direction.MAXIMIZE, target=0.9)
    curve = replace(CURVE, target=0.9, metric=(0.0, 0.5, 0.4, 0.95))
    assert forecast(rows((1000, 20.0, 0.5)), curve, workload, 180.0) == about(40.0, 100.0)


def test_a_curve_is_read_back_and_only_for_its_workload(tmp_path):
    path = curve_path(tmp_path, WORKLOAD)
    assert read_curve(tmp_path, WORKLOAD) is None
    write_curve(path, CURVE)
    assert read_curve(tmp_path, WORKLOAD) == CURVE
    assert read_curve(tmp_path, replace(WORKLOAD, version=2)) is None
    assert read_curve(tmp_path, replace(WORKLOAD, target=1.7)) is None
    path.write_text("[")
    assert read_curve(tmp_path, WORKLOAD) is None
    path.write_text("submission: x")
    assert read_curve(tmp_path, WORKLOAD) is None


def test_every_cpu_workload_has_a_curve_of_its_version_and_target():
    project = Project(PROJECT)
    assert all(read_curve(project.configs, project.workload(name)) for name in project.workload_ids() if name.endswith("/cpu"))


def test_words():
    assert forecast_in_words(None, 10.0) == "no forecast"
    assert forecast_in_words(Forecast(low_s=20.0, high_s=50.0), 10.0) == "target in 10 to 40 s"
    assert forecast_in_words(Forecast(low_s=20.0, high_s=50.0), 30.0) == "target in 0 to 20 s"
    assert forecast_in_words(Forecast(low_s=20.0, high_s=50.0), 51.0) == "no forecast"
