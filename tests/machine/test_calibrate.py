"""finishline calibrate on a throw-away project, and the budgets that follow from it."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import PROJECT, main
from harness.errors import UserError
from harness.ledger.plan import read_plan
from harness.machine.calibration import calibrated_speed, read_calibration, with_budgets
from harness.machine.hardware import this_machine
from harness.project.project import Project
from tests.conftest import SGD, World, import_submissions_here
from tests.test_cli import SLOW, WORKLOAD

CALIBRATE = "calibrate name=mine submission=quick out=runs sandbox=none"


@pytest.fixture
def project(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    configs = world.root / "configs"
    (configs / "workload" / "toy").mkdir(parents=True)
    (configs / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD)
    import_submissions_here(monkeypatch)
    world.submission(SGD, "quick")
    world.submission(SLOW, "slow")
    monkeypatch.setenv("FINISHLINE_CACHE", str(world.cache))
    monkeypatch.chdir(world.root)
    return world


def hardware(project: World) -> Path:
    return Project(project.root).hardware


def test_it_writes_what_the_reference_took_and_budgets_follow(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(CALIBRATE), project.root) == 0
    printed = capsys.readouterr().out
    (path,) = (project.root / "runs").rglob("record.json")
    record = json.loads(path.read_text())
    machine = read_calibration(hardware(project), "mine")
    assert machine.fingerprint == this_machine().fingerprint == record["hardware"]
    assert (machine.submission, machine.source_hash, machine.versions) == ("quick", record["source_hash"], record["versions"])
    reference = machine.workloads["toy/cpu"]
    assert reference.time_s == pytest.approx(record["reached"]["time_s"], abs=1e-3)
    assert reference.steps == record["reached"]["step"]
    assert reference.step_s == pytest.approx(reference.time_s / reference.steps, rel=1e-2)
    assert machine.probe == {1: pytest.approx(record["segments"][0]["probe"], abs=0.06)}
    assert record["segments"][0]["speed_deviation"] is None
    (workload,) = with_budgets([Project(project.root).workload("toy/cpu")], machine, "mine")
    assert workload.budget_s == round(4 * reference.time_s, 1)
    assert replace(workload, budget_s=20) == Project(project.root).workload("toy/cpu")
    assert f"budget {workload.budget_s:g} s" in printed
    assert [path.name for path in hardware(project).iterdir()] == ["mine.yaml"]


def test_its_probe_is_what_later_trials_are_compared_with(project: World) -> None:
    assert main(shlex.split(CALIBRATE), project.root) == 0
    fingerprint = this_machine().fingerprint
    assert calibrated_speed(hardware(project), fingerprint, 1) == read_calibration(hardware(project), "mine").probe[1]
    assert calibrated_speed(hardware(project), fingerprint, 2) is None
    assert calibrated_speed(hardware(project), "another", 1) is None
    assert main(shlex.split("calibrate name=again submission=quick out=later"), project.root) == 0
    (path,) = (project.root / "later").rglob("record.json")
    (segment,) = json.loads(path.read_text())["segments"]
    expected = read_calibration(hardware(project), "mine").probe[1]
    assert segment["speed_deviation"] == pytest.approx(segment["probe"] / expected - 1)


def test_a_calibration_of_one_workload_keeps_the_others(project: World) -> None:
    assert main(shlex.split(CALIBRATE), project.root) == 0
    path = hardware(project) / "mine.yaml"
    path.write_text(path.read_text().replace("toy/cpu", "other/cpu"))
    assert main(shlex.split(f"{CALIBRATE} workloads=[toy/cpu]"), project.root) == 0
    assert set(read_calibration(hardware(project), "mine").workloads) == {"toy/cpu", "other/cpu"}
    path.write_text(path.read_text().replace("fingerprint: ", "fingerprint: another "))
    assert main(shlex.split(f"{CALIBRATE} workloads=[toy/cpu]"), project.root) == 0
    assert set(read_calibration(hardware(project), "mine").workloads) == {"toy/cpu"}


def test_the_name_is_made_from_the_machine(project: World) -> None:
    assert main(shlex.split("calibrate submission=quick out=runs"), project.root) == 0
    (path,) = hardware(project).iterdir()
    assert read_calibration(hardware(project), path.stem).fingerprint == this_machine().fingerprint
    assert " " not in path.stem


MISTAKES = {
    "calibrate name=../x submission=quick out=runs": "name is a file's name of letters, digits",
    f"{CALIBRATE} budget_factor=0": "budget_factor is a number above 0 and below 1000, not '0'",
    f"{CALIBRATE} workloads=[toy/cpi]": "no workload 'toy/cpi'; did you mean 'toy/cpu'?",
    "calibrate name=mine submission=quik out=runs": "no submission 'quik'; did you mean 'quick'?",
    f"{CALIBRATE} log=wand": "log is csv or wandb, not 'wand'; did you mean 'wandb'?",
    f"{CALIBRATE} nam=x": "no option 'nam'; did you mean 'name'?",
    "calibrate name=mine submission=slow out=runs": "slow did not reach the target of toy/cpu (missed, ",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_gets_one_line_and_writes_no_calibration(project: World, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main(shlex.split(command), project.root) == 2
    error = capsys.readouterr().err
    assert MISTAKES[command] in error
    assert error.count("\n") == 1
    assert not hardware(project).exists()


def test_budgets_of_what_was_not_calibrated_are_refused(project: World) -> None:
    assert main(shlex.split(CALIBRATE), project.root) == 0
    machine, workload = read_calibration(hardware(project), "mine"), Project(project.root).workload("toy/cpu")
    for changed, words in (
        (
            replace(workload, tier="gpu"),
            "hardware mine: no reference time of toy/gpu: run finishline calibrate name=mine",
        ),
        (replace(workload, version=2), "toy/cpu was version 1 with target 0.05 when it was calibrated"),
        (replace(workload, target=0.04), "toy/cpu was version 1 with target 0.05 when it was calibrated"),
    ):
        with pytest.raises(UserError, match=words):
            with_budgets([workload, changed], machine, "mine")
    with pytest.raises(UserError, match="no hardware 'mina'; did you mean 'mine'"):
        read_calibration(hardware(project), "mina")
    (hardware(project) / "broken.yaml").write_text("fingerprint: x\n")
    with pytest.raises(UserError, match=r"broken\.yaml: the calibration has no 'date', which is needed: .*makes it anew"):
        read_calibration(hardware(project), "broken")
    assert calibrated_speed(hardware(project), machine.fingerprint, 1) == machine.probe[1]  # one broken file is nobody else's trouble


def test_a_launch_takes_the_budgets_of_a_machine(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("launch.yaml", "launcher", "ruleset"):
        (project.root / "configs" / name).symlink_to(PROJECT / "configs" / name)
    assert main(shlex.split(f"{CALIBRATE} budget_factor=100"), project.root) == 0
    launch = shlex.split("launch submissions=[quick] workloads=[toy/cpu] studies=1 launcher=debug sandbox=none out=ledger")
    assert main([*launch, "hardware=mina"], project.root) == 2
    assert "no hardware 'mina'; did you mean 'mine'?" in capsys.readouterr().err
    assert main([*launch, "hardware=mine"], project.root) == 0
    budget_s = round(100 * read_calibration(hardware(project), "mine").workloads["toy/cpu"].time_s, 1)
    plan = read_plan(project.root / "ledger")
    assert (plan.hardware, plan.workloads[0].budget_s) == ("mine", budget_s)
    (path,) = (project.root / "ledger").rglob("record.json")
    assert json.loads(path.read_text())["budget_s"] == pytest.approx(1.5 * budget_s)
    assert main(launch, project.root) == 0
    assert read_plan(project.root / "ledger") == plan
    assert main([*launch[:-1], "out=other"], project.root) == 0
    assert read_plan(project.root / "other").workloads[0].budget_s == 20
    assert main([*launch[:-1], "out=other", "hardware=mine"], project.root) == 2
    assert "another hardware" in capsys.readouterr().err
