"""space.yaml: what is accepted, and the one line for what is not."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.tuning import read_space

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
    given = axes.point({"learning_rate": 1, "every": 20.0, "shape": "linear"})
    assert given["learning_rate"] == 1.0
    assert (given["every"], type(given["every"])) == (20, int)
    assert given["shape"] == "linear"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning_rat": 1}, "no hyperparameter 'learning_rat'.*did you mean 'learning_rate'"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, not 'fast'"),
        ({"learning_rate": float("nan")}, "must be a number"),
        ({"learning_rate": True}, "must be a number"),
        ({"every": 2.5}, "whole number"),
        ({"shape": "cubic"}, "must be one of"),
    ],
)
def test_a_bad_point(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_space(space(tmp_path, GOOD)).point(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: {scale: log, min: 1, max: 0.1, default: 1}", "space.yaml, x: min 1 is above max 0.1"),
        ("x: {scale: lag, min: 1, max: 2, default: 1}", "unknown scale 'lag'; did you mean 'log'"),
        ("x: {min: 1, max: 2, default: 1}", "unknown scale None"),
        ("x: {scale: log, min: 0, max: 2, default: 1}", "min must be above 0"),
        ("x: {scale: one_minus_log, min: 0.5, max: 1, default: 0.9}", "max must be below 1"),
        ("x: {scale: log, min: 1, max: 2}", "'default' is missing"),
        ("x: {scale: log, min: 1, max: 2, defualt: 1}", "unknown key 'defualt'; did you mean 'default'"),
        ("x: {scale: categorical, values: [], default: 1}", "at least one value"),
        ("x: {scale: categorical, values: [a, b], default: c}", "must be one of"),
        ("x: {scale: integer, min: 1.5, max: 2, default: 2}", "whole numbers"),
        ("x: 3", "not 3"),
        ("[1, 2]", "must map"),
        ("x: {scale: log", "is not YAML"),
    ],
)
def test_a_bad_space(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        read_space(space(tmp_path, text))
    assert "\n" not in str(error.value)


def test_no_space(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no space\.yaml in"):
        read_space(tmp_path)
