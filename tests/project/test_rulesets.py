"""Rulesets are data: what they say, and what they may not say."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.project.config import load
from harness.project.rulesets import Ruleset

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "studies", "trials", "factor", "points"),
    [("self", 3, 1, 1.5, "default"), ("external", 3, 5, 1.0, "search"), ("quick", 1, 5, 1.0, "search")],
)
def test_the_shipped_ones(name: str, studies: int, trials: int, factor: float, points: str) -> None:
    assert Ruleset(**load(CONFIGS, f"ruleset/{name}")) == Ruleset(name, studies, trials, factor, points)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"studies": 0}, "studies must be a whole number"),
        ({"trials": 2.5}, "trials must be a whole number"),
        ({"trials": True}, "trials must be a whole number"),
        ({"source_bytes": 0}, "source_bytes must be a whole number"),
        ({"budget_factor": 0}, "budget_factor must be a number above 0"),
        ({"budget_factor": "much"}, "budget_factor must be a number above 0"),
        ({"points": "guess"}, "points is search or default, not 'guess'"),
        ({"points": "default"}, "the same trial"),
    ],
)
def test_a_bad_ruleset(change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Ruleset(**{"name": "mine", "studies": 3, "trials": 5, "budget_factor": 1.0, "points": "search", **change})
