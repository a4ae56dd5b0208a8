"""`finishline targets` on a throw-away project: what it runs, what it writes, and that it goes on where it was."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.cli import PROJECT, main
from harness.commands.options import TrialOptions
from harness.ledger.rows import read_rows
from harness.project.project import Project
from harness.targets.runs import TargetSearch, plan, run_all, to_run, with_target
from tests.conftest import SGD, Silent, World, import_submissions_here, write_toy
from tests.targets.test_evidence import follows
from tests.test_cli import WORKLOAD

SCHEDULED = SGD.replace("from harness.submission", "from harness.schedules import warmup_then_linear\nfrom harness.submission") + (
    "        self.schedule = warmup_then_linear(self.optimizer, 0.1, self.horizon)\n"
)
NARROW = "learning_rate: {scale: log, min: 1e-3, max: 0.1, default: 0.02}\n"
COMMAND = "targets workload=toy/cpu out=ledgers trials=2 seeds=3 submissions=[one,two]"


def make_project(root: Path, cache: Path) -> World:
    """A project whose toy workload has a step hint of 10."""
    write_toy(root)
    world = World(root, cache)
    (root / "configs" / "workload" / "toy").mkdir(parents=True)
    (root / "configs" / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD.replace("step_hint: 100", "step_hint: 10"))
    for name in ("one", "two"):
        (world.submission(SCHEDULED, name) / "space.yaml").write_text(NARROW)
    return world


@pytest.fixture(scope="module")
def first_call(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> World:
    """The project after the first call."""
    world = make_project(tmp_path_factory.mktemp("project"), cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINISHLINE_CACHE", str(cache))
        patch.setattr(TrialOptions, "sandbox", "none")
        import_submissions_here(patch)
        patch.chdir(world.root)
        assert main(shlex.split(COMMAND), world.root) == 0
    return world


@pytest.fixture
def here(first_call: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("FINISHLINE_CACHE", str(first_call.cache))
    monkeypatch.setattr(TrialOptions, "sandbox", "none")
    import_submissions_here(monkeypatch)
    monkeypatch.chdir(first_call.root)
    return first_call


@pytest.fixture
def found(here: World) -> dict:
    """The evidence that was written."""
    return yaml.safe_load((here.root / "configs" / "targets" / "toy-cpu.yaml").read_text())


def search(here: World, trials: int, seeds: int) -> TargetSearch:
    settings = {"seed": 1, "evaluation_period": 0.025, "sandbox": "auto"}
    return plan(Project(here.root), "toy/cpu", ["one", "two"], trials=trials, seeds=seeds, **settings)


def rows(here: World, stage: str, name: str, study: int, trial: int) -> list[float]:
    folder = here.root / "ledgers" / stage / name / "toy-cpu" / f"study_{study}" / f"trial_{trial}"
    return [row.valid_metric for row in read_rows(folder / "evals.csv")]


def test_every_point_runs_to_the_end_of_its_schedule(here: World, found: dict) -> None:
    assert [(run["submission"], run["point"]) for run in found["search"]] == [("one", 1), ("two", 1), ("one", 2), ("two", 2)]
    for run in found["search"]:
        assert run["verdict"] == "missed"
        assert "the submission was done after" in run["reason"]
        assert run["steps"] >= 10
        assert run["best"] == min(rows(here, "search", run["submission"], 1, run["point"]))
    assert len({run["hp"]["learning_rate"] for run in found["search"]}) == 4
    assert len({run["seed"] for run in found["search"]}) == 2


def test_the_best_point_is_repeated_over_the_seeds(here: World, found: dict) -> None:
    best = min(found["search"], key=lambda run: run["best"])
    assert {name: found["winner"][name] for name in ("submission", "point", "hp", "best")} == {
        name: best[name] for name in ("submission", "point", "hp", "best")
    }
    assert [run["hp"] for run in found["repeats"]] == [best["hp"]] * 3
    seeds = {run["seed"] for run in found["repeats"]}
    assert len(seeds) == 3
    assert not seeds & {run["seed"] for run in found["search"]}


def test_the_target_is_met_by_the_runs_that_the_median_says(here: World, found: dict) -> None:
    values = sorted(run["best"] for run in found["repeats"])
    proposed = found["proposed"]
    assert values[1] <= proposed["target"] <= values[1] * 1.001
    reaching = [run for run in found["repeats"] if run["best"] <= proposed["target"]]
    assert len(reaching) == proposed["reached"] == len(found["at_target"])
    for run, crossing in zip(reaching, found["at_target"], strict=True):
        assert crossing["seed"] == run["seed"]
        assert crossing["reached"]
        assert crossing["valid"] <= proposed["target"]
        assert crossing["identical"]
    worst = max(crossing["test"] for crossing in found["at_target"])
    assert proposed["test_target"] >= worst
    assert found["present"] == {"target": 0.05, "budget_s": 20}


def test_the_file_follows_from_its_own_runs(here: World, found: dict) -> None:
    workload = Project(here.root).workload("toy/cpu")
    follows(found, workload)
    found["repeats"][0]["best"] = found["repeats"][1]["best"] = 1e-6
    with pytest.raises(AssertionError):
        follows(found, workload)


def test_a_crossing_is_the_first_row_at_the_target(here: World, found: dict) -> None:
    winner, target = found["winner"], found["proposed"]["target"]
    stage = f"target_{target!r}"
    folders = sorted((here.root / "ledgers" / stage).rglob("record.json"))
    assert len(folders) == len(found["at_target"])
    for path in folders:
        record = json.loads(path.read_text())
        whole = rows(here, "repeats", winner["submission"], record["study"], winner["point"])
        first = next(number for number, value in enumerate(whole) if value <= target)
        assert record["verdict"] == "reached"
        assert rows(here, stage, winner["submission"], record["study"], winner["point"]) == whole[: first + 1]


def test_a_second_call_runs_nothing_and_writes_the_same(here: World, found: dict, capsys: pytest.CaptureFixture[str]) -> None:
    path = here.root / "configs" / "targets" / "toy-cpu.yaml"
    before = path.read_text()
    records = {p: p.stat().st_mtime_ns for p in (here.root / "ledgers").rglob("record.json")}
    assert len(records) == 4 + 3 + len(found["at_target"])
    assert main(shlex.split(COMMAND), here.root) == 0
    out = capsys.readouterr().out
    assert out.count(" 0 to run") == 3
    assert {p: p.stat().st_mtime_ns for p in (here.root / "ledgers").rglob("record.json")} == records
    assert path.read_text() == before
    proposed = found["proposed"]
    assert f"  target: {proposed['target']!r} # configs/targets/toy-cpu.yaml" in out
    assert f"  test_target: {proposed['test_target']!r}" in out
    assert f"  budget_s: {proposed['budget_s']}" in out
    assert "(now 0.05)" in out


def test_what_is_missing_is_run_again_and_comes_out_the_same(here: World) -> None:
    gone = here.root / "ledgers" / "search" / "two" / "toy-cpu" / "study_1" / "trial_2"
    before = rows(here, "search", "two", 1, 2)
    (gone / "record.json").unlink()
    (gone / "evals.csv").unlink()
    specs = list(search(here, 2, 3).search())
    assert to_run(specs, here.root / "ledgers" / "search") == 1
    assert main(shlex.split(COMMAND), here.root) == 0
    assert rows(here, "search", "two", 1, 2) == before


def test_more_points_and_seeds_only_add(here: World) -> None:
    few, many = (search(here, n, m) for n, m in ((2, 3), (5, 7)))
    more = {(s.submission, s.trial): s for s in many.search()}
    assert all(more[s.submission, s.trial] == s for s in few.search())
    assert len(more) == 10


def test_a_trial_that_crashes_is_told_after_the_others_and_tried_again(world: World) -> None:
    crash = SCHEDULED + "    def step(self, batch):\n        raise RuntimeError('not today')\n"
    specs = [replace(with_target(world.spec(code, name, step_hint=5), 0.0)) for code, name in ((crash, "bad"), (SCHEDULED, "good"))]
    with pytest.raises(ValueError, match=r"bad.* crashed, .*not today.*tries it again"):
        run_all(specs, world.root / "ledger", world.cache, Silent())
    assert to_run(specs, world.root / "ledger") == 1


RUN = "targets workload=toy/cpu out=new"
MISTAKES = {
    "targets workload=toy/cpi out=new": "no workload 'toy/cpi'; did you mean 'toy/cpu'?",
    "targets workload=toy/cpu": "out= is missing",
    "targets out=new": "workload= is missing",
    f"{RUN} trials=0": "trials is a whole number from 1 to 1000, not 0",
    f"{RUN} seeds=0": "seeds is a whole number from 1 to 1000, not 0",
    f"{RUN} trials=many": "'many'",
    f"{RUN} trials=2.5": "'2.5'",
    f"{RUN} trails=3": "no option 'trails'; did you mean 'trials'?",
    f"{RUN} seeds": "'seeds' has no value: write seeds=N",
    f"{RUN} submissions=[one,one]": "submissions is a list of different names, at least one, and names 'one' twice",
    f"{RUN} submissions=[]": "submissions is a list of different names, at least one, not '[]'",
    f"{RUN} submissions=[oen]": "no submission 'oen'; did you mean 'one'?",
    f"{RUN} submissions=[": "submissions is a list that is not closed: '['",
    f"{RUN} submissions=[listed] trials=3": "lists 2 points, but 3 are to be drawn",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_gets_one_line_and_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    world = make_project(tmp_path, cache)
    (world.submission(SCHEDULED, "listed") / "space.yaml").write_text("- {learning_rate: 0.1}\n- {learning_rate: 0.2}\n")
    monkeypatch.chdir(world.root)
    before = sorted(world.root.rglob("*"))
    assert main(shlex.split(command), world.root) == 2
    error = capsys.readouterr().err
    assert MISTAKES[command] in error
    assert error.startswith("finishline: ")
    assert error.count("\n") == 1
    assert sorted(p for p in world.root.rglob("*") if "__pycache__" not in p.parts) == before


def test_the_standard_algorithms_are_there() -> None:
    from harness.commands.options import STANDARD

    assert set(STANDARD) <= set(Project(PROJECT).submission_names())
