"""What is asked of a campaign against what its ledger has: it grows, and what contradicts it is refused. No trial is run."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.extend import ledger_and_plan
from harness.campaign.plan import specs
from harness.cli import main
from harness.commands.launch import request
from harness.commands.options import LaunchOptions
from harness.ledger.plan import Plan, read_plan, write_plan
from harness.options.command_line import read_options
from harness.project.project import Project
from tests.conftest import SGD, World
from tests.test_cli import project

__all__ = ["project"]
FIRST = ["submissions=quick", "workloads=toy/cpu", "studies=2", "out=ledger"]


def planned(world: World, *words: str) -> Plan:
    """Returns the plan of a launch, and writes it."""
    here = Project(world.root)
    ledger, plan = ledger_and_plan(here, request(read_options(LaunchOptions, "launch", words, here)))
    write_plan(ledger, plan)
    return plan


def refused(world: World, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = read_plan(Path("ledger"))
    assert main(["launch", "out=ledger", *words], world.root) == 2
    assert read_plan(Path("ledger")) == before
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_changed_ruleset_has_a_name_of_its_own(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(project, *FIRST, "ruleset.budget_factor=3")
    assert plan.ruleset.name == "self+budget_factor=3"
    assert plan.ruleset.budget_factor == 3
    (spec, *_) = specs(plan, Project(project.root))
    assert spec.ruleset == "self+budget_factor=3"  # what the board shows
    assert planned(project, *FIRST, "ruleset.budget_factor=3") == plan
    assert planned(project, "out=ledger") == plan
    for word in ("ruleset=self", "ruleset.budget_factor=4", "ruleset.studies=5", "ruleset=quick"):
        assert "the campaign there has another" in refused(project, capsys, word)


def test_a_value_that_changes_nothing_leaves_the_name(project: World) -> None:
    assert planned(project, *FIRST, "ruleset.budget_factor=1.5").ruleset.name == "self"


CONTRADICTIONS = {
    "seed=9": "another seed",
    "evaluation_period=0.5": "another evaluation period",
    "sandbox=none": "another sandbox",
    "checkpoint_period_s=1": "another checkpoint period",
    "ranks=2": "another",
    "ruleset.budget_factor=3": "another ruleset",
    "studies=1": "has 2 already, and it can only grow",
    "submissions=other/quick": "another submission called 'quick'",
    "withdraw=slow": "withdraw: no submission 'slow'",
    "submissions=[slow,quick] withdraw=[quick]": "'quick' is in submissions and in withdraw",
}


@pytest.mark.parametrize("words", CONTRADICTIONS)
def test_what_contradicts_a_ledger_is_refused(project: World, capsys: pytest.CaptureFixture[str], words: str) -> None:
    planned(project, *FIRST)
    (project.root / "other").mkdir()
    project.submission(f"{SGD}\n# another\n", "spare").rename(project.root / "other" / "quick")
    assert CONTRADICTIONS[words] in refused(project, capsys, *words.split())


def test_what_is_said_again_or_added_is_taken(project: World) -> None:
    first = planned(project, *FIRST, "seed=7")
    assert planned(project, "out=ledger") == planned(project, *FIRST, "seed=7") == first
    (project.root / "other").mkdir()
    (project.root / "other" / "quick").symlink_to(project.root / "submissions" / "quick")
    grown = planned(project, "out=ledger", "submissions=[other/quick,slow]", "studies=3", "racing=off")
    assert [s.name for s in grown.submissions] == ["quick", "slow"]
    assert (grown.studies, grown.seed, grown.racing) == (3, 7, "off")
    assert replace(grown, studies=2, submissions=first.submissions, racing="time") == first
