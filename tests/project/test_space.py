"""space.yaml: what is accepted, and the one line for what is not."""

import math
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.project.space import read_space

GOOD = """
learning_rate: {scale: log, min: 1e-4, max: 1e-2, default: 3e-3}
beta2: {scale: one_minus_log, min: 0.9, max: 0.999, default: 0.98}
warmup: {scale: linear, min: 0, max: 0.1, default: 0.05}
every: {scale: integer, min: 1, max: 100, default: 10}
shape: {scale: categorical, values: [linear, cosine], default: cosine}
"""


def space(folder: Path, text: str) -> Path:
    (folder / "space.yaml").write_text(text)
    return folder


def test_the_default_point_and_values_given_by_hand(tmp_path: Path) -> None:
    axes = read_space(space(tmp_path, GOOD))
    assert axes.point({}) == {"learning_rate": 0.003, "beta2": 0.98, "warmup": 0.05, "every": 10, "shape": "cosine"}
    given = axes.point({"learning_rate": 1e-3, "every": 20.0, "shape": "linear"})
    assert given["learning_rate"] == 1e-3
    assert (given["every"], type(given["every"])) == (20, int)
    assert given["shape"] == "linear"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning_rat": 1}, "no hyperparameter 'learning_rat'.*did you mean 'learning_rate'"),
        ({"learning_rate": "fast"}, "learning_rate is a number from 0.0001 to 0.01, not 'fast'"),
        ({"learning_rate": 1}, "learning_rate is a number from 0.0001 to 0.01, not 1"),
        ({"learning_rate": float("nan")}, "is a number"),
        ({"learning_rate": True}, "is a number"),
        ({"every": 2.5}, "whole number"),
        ({"shape": "cubic"}, "is one of linear, cosine, not 'cubic'"),
    ],
)
def test_a_bad_point(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_space(space(tmp_path, GOOD)).point(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: {scale: log, min: 1, max: 0.1, default: 1}", "space.yaml, line 1, x: min 1 is above max 0.1"),
        ("x: {scale: lag, min: 1, max: 2, default: 1}", "unknown scale 'lag'; did you mean 'log'"),
        ("x: {min: 1, max: 2, default: 1}", "unknown scale null"),
        ("x: {scale: log, min: 0, max: 2, default: 1}", "min must be above 0"),
        ("x: {scale: one_minus_log, min: 0.5, max: 1, default: 0.9}", "max must be below 1"),
        ("x: {scale: log, min: 1, max: 2}", "'default' is missing"),
        ("x: {scale: log, min: 1, max: 2, defualt: 1}", "unknown key 'defualt'; did you mean 'default'"),
        ("x: {scale: categorical, values: [], default: 1}", "at least one value"),
        ("x: {scale: categorical, values: [a, b], default: c}", "is one of a, b, not 'c'"),
        ("x: {scale: integer, min: 1.5, max: 2, default: 2}", "whole numbers"),
        ("x: 3", "not 3"),
        ("[1, 2]", "must list points"),
        ("x: {scale: log", "this is not YAML"),
        ("y: 1\nx: {scale: log, min: 1, max: 2, default: 3}", "line 1, y: write"),
        ("x: {scale: log, min: 1, max: 2, default: 3}", "line 1, default: x is a number from 1 to 2, not 3"),
        ("x: {scale: log, min: 010, max: 20, default: 15}", "line 1: min: 010 has two meanings in YAML"),
        (
            "x:\n  scale: categorical\n  values: [on, 'off']\n  default: on",
            "line 3: values: on has two meanings in YAML",
        ),
        ("x: {scale: log, min: 1, max: 2, default: 1}\nx: {scale: log, min: 1, max: 2, default: 1}", "line 2: 'x' is given twice"),
        ("a-b: {scale: log, min: 1, max: 2, default: 1}", "'a-b' is no name in Python"),
    ],
)
def test_a_bad_space(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        read_space(space(tmp_path, text))
    assert "\n" not in str(error.value)


def test_no_space(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no space\.yaml in"):
        read_space(tmp_path)


def test_points_are_different_inside_the_space_and_repeat_by_seed(tmp_path: Path) -> None:
    axes = read_space(space(tmp_path, GOOD))
    points = axes.points(15, seed=3)
    assert points == axes.points(15, seed=3) != axes.points(15, seed=4)
    assert len({tuple(point.items()) for point in points}) == 15
    for point in points:
        assert 1e-4 <= point["learning_rate"] <= 1e-2
        assert 0.9 <= point["beta2"] <= 0.999
        assert 1 <= point["every"] <= 100
        assert type(point["every"]) is int
        assert point["shape"] in ("linear", "cosine")


def test_more_points_begin_with_the_same_ones(tmp_path: Path) -> None:
    axes = read_space(space(tmp_path, GOOD))
    assert axes.points(40, seed=1)[:15] == axes.points(15, seed=1)


def test_the_points_are_balanced_on_each_scale(tmp_path: Path) -> None:
    """16 points of a scrambled Sobol sequence have one in each sixteenth of every axis; independent draws almost never do."""
    axes = read_space(space(tmp_path, "a: {scale: log, min: 1e-4, max: 1, default: 1}\nb: {scale: linear, min: 0, max: 16, default: 1}\n"))
    for seed in range(20):
        points = axes.points(16, seed)
        assert sorted(int(4 * math.log10(p["a"] / 1e-4)) for p in points) == list(range(16))
        assert sorted(int(p["b"]) for p in points) == list(range(16))


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("{scale: linear, min: 1, max: 3, default: 1}", (1, 2, 3)),
        ("{scale: log, min: 0.01, max: 100, default: 1}", (0.01, 1, 100)),
        ("{scale: one_minus_log, min: 0.9, max: 0.999, default: 0.99}", (0.9, 0.99, 0.999)),
        ("{scale: integer, min: 1, max: 4, default: 1}", (1, 3, 4)),
        ("{scale: categorical, values: [x, y], default: x}", ("x", "y", "y")),
    ],
)
def test_scales(tmp_path: Path, axis: str, expected: tuple[object, ...]) -> None:
    (only,) = read_space(space(tmp_path, f"a: {axis}")).axes
    for share, value in zip((0.0, 0.5, 1 - 1e-12), expected, strict=True):
        assert only.at(share) == (value if isinstance(value, str) else pytest.approx(value))


LISTED = "- {learning_rate: 1e-3, beta: 0.9}\n- {learning_rate: 1e-2, beta: 0.9}\n- {learning_rate: 1e-2, beta: 0.99}\n"


def test_listed_points_are_drawn_without_replacement(tmp_path: Path) -> None:
    axes = read_space(space(tmp_path, LISTED))
    assert axes.point({}) == {"learning_rate": 0.001, "beta": 0.9}
    drawn = [tuple(point.values()) for point in axes.points(3, seed=0)]
    assert sorted(drawn) == [(0.001, 0.9), (0.01, 0.9), (0.01, 0.99)]
    with pytest.raises(UserError, match="lists 3 points, but 4 are to be drawn"):
        axes.points(4, seed=0)


@pytest.mark.parametrize(
    ("text", "words"), [("- {a: 1}\n- {b: 1}\n", "point 2: 'a' is not in all"), ("- 3\n", "must list points"), ("[]", "must list")]
)
def test_a_bad_list(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_space(space(tmp_path, text))


def test_listed_points_may_hold_lists(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text("- {rate: 0.1, betas: [0.9, 0.99]}\n- {rate: 0.1, betas: [0.8, 0.95]}\n")
    space = read_space(tmp_path)
    assert [axis.values for axis in space.axes] == [(0.1,), ([0.9, 0.99], [0.8, 0.95])]
    assert space.point({"betas": [0.8, 0.95]}) == {"rate": 0.1, "betas": [0.8, 0.95]}
    assert sorted(point["betas"] for point in space.points(2, seed=1)) == [[0.8, 0.95], [0.9, 0.99]]
