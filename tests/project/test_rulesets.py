"""Rulesets are data: what they say, and what they may not say."""

from pathlib import Path

import pytest

from harness.errors import UserError
from harness.project.rulesets import Ruleset, read_ruleset

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "studies", "trials", "factor", "points"),
    [("self", 3, 1, 1.5, "default"), ("external", 3, 5, 1.0, "search"), ("quick", 1, 5, 1.0, "search")],
)
def test_the_shipped_ones(name: str, studies: int, trials: int, factor: float, points: str) -> None:
    assert read_ruleset(CONFIGS, name) == Ruleset(name, studies, trials, factor, points)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"studies": 0}, "studies is a whole number from 1 to 1000, not 0"),
        ({"trials": 2.5}, "trials is a whole number"),
        ({"trials": True}, "trials is a whole number from 1 to 1000, not true"),
        ({"source_bytes": 0}, "source_bytes is a whole number"),
        ({"budget_factor": 0}, "budget_factor is a number above 0 and below 1000, not 0"),
        ({"budget_factor": "much"}, "budget_factor is a number above 0"),
        ({"points": "guess"}, "points is search or default, not 'guess'"),
        ({"points": "default"}, "the same trial"),
    ],
)
def test_a_bad_ruleset(change: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Ruleset(**{"name": "mine", "studies": 3, "trials": 5, "budget_factor": 1.0, "points": "search", **change})
