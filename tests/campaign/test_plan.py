"""The plan: which trials, with which seeds and points; the same whoever works it out, in whatever order."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.plan import plan_submission, specs
from harness.errors import UserError
from harness.ledger import SCHEMA
from harness.ledger.plan import Plan, read_plan, write_plan
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from tests.conftest import World

EXTERNAL = Ruleset("external", 3, 5, 1.0, "search")


def plan(world: World, ruleset: Ruleset = EXTERNAL, studies: int = 3, names: tuple[str, ...] = ("one", "two"), seed: int = 1) -> Plan:
    project = Project(world.root)
    for name in names:
        world.submission(name=name)
    workload = world.spec().workload
    return Plan(
        seed=seed,
        ruleset=ruleset,
        evaluation_period=0.1,
        sandbox="none",
        studies=studies,
        workloads=(workload, replace(workload, tier="gpu")),
        submissions=tuple(plan_submission(project, name, ruleset, studies, seed) for name in names),
    )


def test_every_cell_has_its_trials_and_each_trial_its_own_point(world: World) -> None:
    trials = list(specs(plan(world), Project(world.root)))
    assert len(trials) == 2 * 2 * 3 * 5
    for submission in ("one", "two"):
        for tier in ("cpu", "gpu"):
            cell = [t for t in trials if t.submission == submission and t.workload.tier == tier]
            assert {(t.study, t.trial) for t in cell} == {(s, i) for s in (1, 2, 3) for i in range(1, 6)}
            assert len({t.hp["learning_rate"] for t in cell}) == 15


def test_points_are_the_same_for_all_workloads_and_differ_between_submissions(world: World) -> None:
    trials = list(specs(plan(world), Project(world.root)))
    points = {(t.submission, t.workload.tier, t.study, t.trial): t.hp["learning_rate"] for t in trials}
    assert all(points["one", "cpu", s, i] == points["one", "gpu", s, i] for s in (1, 2, 3) for i in range(1, 6))
    assert all(points["one", "cpu", s, i] != points["two", "cpu", s, i] for s in (1, 2, 3) for i in range(1, 6))


def test_seeds_never_repeat_but_between_submissions_of_one_cell(world: World) -> None:
    trials = list(specs(plan(world), Project(world.root)))
    by_seed: dict[int, set[tuple[str, int, int]]] = {}
    for t in trials:
        by_seed.setdefault(t.seed, set()).add((t.workload.tier, t.study, t.trial))
    assert all(len(places) == 1 for places in by_seed.values())
    assert len(by_seed) == len(trials) // 2


def test_a_trial_can_be_worked_out_alone(world: World) -> None:
    """More studies, another order or fewer submissions change nothing about a trial."""
    project = Project(world.root)
    whole = {(t.submission, t.workload.tier, t.study, t.trial): t for t in specs(plan(world), project)}
    for other in (plan(world, studies=5), plan(world, names=("two",))):
        for t in specs(other, project):
            key = (t.submission, t.workload.tier, t.study, t.trial)
            assert key not in whole or whole[key] == t


def test_the_default_point_is_the_same_in_each_study(world: World) -> None:
    trials = list(specs(plan(world, Ruleset("self", 3, 1, 1.5, "default")), Project(world.root)))
    assert {t.hp["learning_rate"] for t in trials} == {0.02}
    assert {t.budget_s for t in trials} == {90.0}


def test_it_comes_back_from_disk(world: World, tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    written = plan(world)
    write_plan(tmp_path, written)
    assert read_plan(tmp_path) == written


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "not a campaign's plan"), ("a: [", "not a campaign's plan"), (f"schema: {SCHEMA}\ncontent_hash: 3\n", "changed by hand")],
)
def test_a_file_that_is_no_plan(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "campaign.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        read_plan(tmp_path)


def test_what_contradicts_the_ledger_is_named(world: World, tmp_path: Path) -> None:
    first = plan(world)
    first.must_extend(first, tmp_path)
    plan(world, studies=4).must_extend(first, tmp_path)
    with pytest.raises(UserError, match="another seed"):
        plan(world, seed=2).must_extend(first, tmp_path)
    with pytest.raises(UserError, match="another ruleset"):
        plan(world, Ruleset("quick", 1, 5, 1.0, "search")).must_extend(first, tmp_path)
