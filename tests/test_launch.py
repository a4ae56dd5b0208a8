"""Campaigns through the command line: grown, continued, retried, forked, withdrawn from, by two launches at once."""

import json
import multiprocessing
import re
from pathlib import Path

import pytest

from harness.campaign.pending import copy_valid_results
from harness.cli import main
from harness.ledger.plan import read_plan
from harness.machine import hardware
from harness.project.project import Project
from tests.conftest import SGD, World
from tests.test_cli import SLOW, WORKLOAD, project

__all__ = ["project"]
LAUNCH = ["launch", "submissions=[slow]", "workloads=[toy/cpu]", "studies=1", "out=ledger"]
CRASHES = "def step(self, batch):\n    raise ValueError('boom')\n"


def records(ledger: Path) -> dict[str, dict]:
    return {str(path.parent.relative_to(ledger)): json.loads(path.read_text()) for path in sorted(ledger.rglob("record.json"))}


def launch(project: World, *more: str) -> int:
    given = dict(word.split("=", 1) for word in (*LAUNCH[1:], *more))
    return main(["launch", *(f"{name}={value}" for name, value in given.items())], project.root)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_failed_trial_is_tried_again_so_many_times(project: World, retries: int, capsys: pytest.CaptureFixture[str]) -> None:
    project.submission(CRASHES, "slow")
    for _ in range(2):  # a second launch has no more tries to give
        assert launch(project, f"retries={retries}") == 0
        (folder,) = (project.root / "ledger").rglob("trial_1")
        attempts = (folder / "attempts.jsonl").read_text().splitlines() if retries else []
        assert [json.loads(line)["verdict"] for line in attempts] == ["crashed"] * retries
        assert json.loads((folder / "record.json").read_text())["verdict"] == "crashed"
    assert launch(project, f"retries={retries + 1}") == 0
    assert "1 trials, 1 to run" in capsys.readouterr().out


def test_a_missed_target_is_a_result(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(project, "retries=3") == 0
    assert launch(project, "retries=3") == 0
    assert "1 trials, 0 to run" in capsys.readouterr().out


def test_a_campaign_grows_and_what_is_not_said_stays(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(project, "seed=7") == 0
    before = records(project.root / "ledger")
    assert main(["launch", "submissions=[quick]", "studies=2", "out=ledger"], project.root) == 0
    assert "4 trials, 3 to run" in capsys.readouterr().out
    after = records(project.root / "ledger")
    assert before.items() <= after.items()
    assert len(after) == 4
    assert main(["launch", "out=ledger"], project.root) == 0
    assert "4 trials, 0 to run" in capsys.readouterr().out
    assert main(["launch", "seed=8", "out=ledger"], project.root) == 2
    assert "another seed" in capsys.readouterr().err


def test_what_costs_much_is_confirmed(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(project, "unconfirmed_hours=0.001") == 2
    assert "add confirm=true" in capsys.readouterr().err
    assert not (project.root / "ledger").exists()
    assert launch(project, "unconfirmed_hours=0.001", "confirm=true") == 0
    assert launch(project, "unconfirmed_hours=0.001") == 0  # nothing left to pay


def test_a_fork_keeps_what_still_holds(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(project, "submissions=[slow,quick]") == 0
    before = records(project.root / "ledger")
    project.submission(SLOW + "\n# changed\n", "slow")
    assert launch(project) == 2
    assert "source of submission slow" in capsys.readouterr().err
    for left in (1, 0):
        assert launch(project, "fork=true") == 0
        assert re.search(rf"campaign \S+/ledger-fork1: 2 trials, {left} to run", capsys.readouterr().out)
    forked = records(project.root / "ledger-fork1")
    assert records(project.root / "ledger") == before
    (quick,) = (name for name in before if name.startswith("quick/"))
    (slow,) = (name for name in before if name.startswith("slow/"))
    assert forked[quick] == before[quick]
    assert forked[slow]["source_hash"] != before[slow]["source_hash"]
    (project.root / "configs/workload/toy/cpu.yaml").write_text(WORKLOAD.replace("0.05", "0.04"))
    assert launch(project, "fork=true") == 0
    assert "ledger-fork2: 2 trials, 2 to run" in capsys.readouterr().out


def test_a_fork_of_a_login_node_keeps_what_the_nodes_of_the_cluster_did(project: World) -> None:
    assert launch(project) == 0
    ledger, plan = project.root / "ledger", read_plan(project.root / "ledger")
    assert copy_valid_results(plan, Project(project.root), ledger, project.root / "new", "another kind of machine") == 0
    assert copy_valid_results(plan, Project(project.root), ledger, project.root / "new", None) == 1


def test_another_kind_of_machine_is_refused(project: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch(project) == 0
    monkeypatch.setattr(hardware, "_processor", lambda: "Another CPU")
    assert launch(project) == 2
    assert "this machine is 'Another CPU" in capsys.readouterr().err
    assert launch(project, "fork=true") == 0
    assert "ledger-fork1: 1 trials, 1 to run" in capsys.readouterr().out


def test_a_withdrawn_submission_leaves_the_board_and_is_not_lost(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(project, "submissions=[slow,quick]") == 0
    assert main(["launch", "withdraw=[slwo]", "out=ledger"], project.root) == 2
    assert "did you mean 'slow'" in capsys.readouterr().err
    assert main(["launch", "withdraw=[slow]", "out=ledger"], project.root) == 0
    assert [s.name for s in read_plan(project.root / "ledger").submissions] == ["quick"]
    assert main(["score", "ledger", "out=board", "allow_unsandboxed=true"], project.root) == 0
    assert "slow" not in (project.root / "board" / "leaderboard.csv").read_text()
    assert len(list((project.root / "ledger" / ".withdrawn" / "slow.1").rglob("record.json"))) == 1


def launches(root: Path, name: str) -> None:
    assert main(["launch", f"submissions=[{name}]", "workloads=[toy/cpu]", "studies=1", "out=ledger"], root) == 0


def test_two_launches_at_once_lose_nothing_and_run_nothing_twice(project: World) -> None:
    names = ["one", "two"]
    for name in names:
        project.submission(SGD, name)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=launches, args=(project.root, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert {s.name for s in read_plan(project.root / "ledger").submissions} == set(names)
    main(["launch", "out=ledger"], project.root)
    found = records(project.root / "ledger")
    assert len(found) == 2
    assert all(len(record["segments"]) == 1 for record in found.values())
    assert not list((project.root / "ledger").rglob("attempts.jsonl"))
    assert not list((project.root / "ledger").rglob("lock.json"))


@pytest.mark.parametrize("damage", ["{", '{"schema": 3, "verdict": "crashed"}', "[]", '{"schema": 3, "reached": {"step": 1}}'])
def test_a_damaged_record_is_named(project: World, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    folder = project.root / "ledger" / "slow" / "toy-cpu" / "study_1" / "trial_1"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(damage)
    assert launch(project) == 2
    assert f"{folder}/record.json is damaged (" in capsys.readouterr().err
    assert (folder / "record.json").read_text() == damage
