"""Wrong YAML files are told with file, line, key and the nearest valid name, and break nothing else."""

import re
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands.options import LaunchOptions
from harness.options.command_line import read_options
from harness.project.project import Project
from tests.conftest import World
from tests.test_cli import WORKLOAD, project

__all__ = ["project"]
CPU = "configs/workload/toy/cpu.yaml"
RUN = ["run", "workload=toy/cpu", "submission=quick", "out=new"]


def workload(change: str, to: str) -> str:
    assert change in WORKLOAD
    return WORKLOAD.replace(change, to)


WORKLOADS = {
    "target: high": (workload("target: 0.05", "target: high"), "cpu.yaml, line 8: target is a number, not 'high'"),
    "negative budget": (workload("budget_s: 20", "budget_s: -20"), "line 10: budget_s is a number above 0 and at most 1e+08, not -20"),
    "upwards": (workload("minimize", "upwards"), "line 7: direction is minimize or maximize, not 'upwards'"),
    "a near word": (workload("minimize", "minimise"), "not 'minimise'; did you mean 'minimize'?"),
    "a name without a folder": (
        workload("name: toy", "name: toi"),
        "line 2: name: there is no workloads/toi/workload.py; did you mean 'toy'",
    ),
    "another tier": (workload("tier: cpu", "tier: gpu"), "line 3: tier is 'gpu', and by its place the file is that of 'cpu'"),
    "an unknown key": (f"{WORKLOAD}budget: 3\n", "line 15: the workload has no field 'budget'; did you mean 'budget_s'?"),
    "a missing key": (
        workload("version: 1\n", ""),
        "the workload has no 'version', which is needed: a whole number of at least 1",
    ),
    "a key twice": (f"{WORKLOAD}version: 2\n", "line 15: 'version' is given twice, first in line 4"),
    "an open question": (workload("version: 1", "version: ???"), "has no 'version', which is needed"),
    "octal": (workload("step_hint: 100", "step_hint: 0100"), "line 12: step_hint: 0100 has two meanings in YAML"),
    "on": (workload("version: 1", "version: on"), "line 4: version: on has two meanings in YAML: write true or false, or quote it ('on')"),
    "sexagesimal": (workload("budget_s: 20", "budget_s: 1:30"), "line 10: budget_s: 1:30 has two meanings in YAML"),
    "a Boolean": (workload("threads: 1", "threads: true"), "line 14: threads is a whole number from 1 to 1024, not true"),
    "not a number": (workload("target: 0.05", "target: .nan"), "line 8: target is a number, not nan"),
    "a list": (workload("task: a line", "task: [a, line]"), "line 5: task is text, not ['a', 'line']"),
    "a number as text": (workload("task: a line", "task: 16"), "line 5: task is text, not 16; quote it"),
    "ranks": (f"{WORKLOAD}ranks: 3\n", "line 15: reference_batch 16 is not a multiple of ranks 3"),
    "a variant of nothing": (f"{WORKLOAD}variant_of: toy/cpi\n", "line 15: variant_of: no workload 'toy/cpi'; did you mean 'toy/cpu'?"),
    "a table": (f"{WORKLOAD}model: 3\n", "line 15: model is a table of names and values, not 3"),
    "no YAML": (f"{WORKLOAD}model: {{a: 1\n", "this is not YAML"),
    "a tab": (f"{WORKLOAD}\tmodel: 1\n", "line 15: this is not YAML"),
    "empty": ("", "cpu.yaml: the workload has no 'name', which is needed"),
    "a list at the top": ("- name: toy\n", "the file has to hold keys and values"),
    "a parent that is not there": (
        f"defaults:\n  - cpi\n  - _self_\n{WORKLOAD}",
        "line 1: defaults: there is no file configs/workload/toy/cpi.yaml",
    ),
    "its own place": (
        f"defaults:\n  - cpi\n{WORKLOAD}",
        "line 1: defaults: it has to be a list with this file's own place",
    ),
    "a text for defaults": (f"defaults: cpi\n{WORKLOAD}", "line 1: defaults: it has to be a list"),
    "an interpolation": (
        workload("version: 1", "version: ${revision}"),
        "line 4: version: '${revision}' refers to a key that",
    ),
}


@pytest.mark.parametrize("what", WORKLOADS)
def test_a_wrong_workload(project: World, capsys: pytest.CaptureFixture[str], what: str) -> None:
    text, says = WORKLOADS[what]
    (project.root / CPU).write_text(text)
    assert main(RUN, project.root) == 2
    error = capsys.readouterr().err
    assert says in error
    assert CPU in error
    assert error.count("\n") == 1
    assert main(["check", "toy/cpu"], project.root) == 1
    assert says in capsys.readouterr().out
    assert main(["list"], project.root) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^toy/cpu +BROKEN: configs/workload/toy/cpu.yaml", listed, re.M)
    assert says in listed
    assert re.search(r"^quick +learning_rate=0.02", listed, re.M)


RULESET = "name: mine\nstudies: 1\ntrials: 1\nbudget_factor: 2\npoints: default\n"
GROUPS = {
    "a ruleset's range": (
        "ruleset",
        RULESET.replace("studies: 1", "studies: 0"),
        "line 2: studies is a whole number from 1 to 1000",
    ),
    "a ruleset's key": (
        "ruleset",
        f"{RULESET}budget: 2\n",
        "line 6: the ruleset has no field 'budget'; did you mean 'budget_factor'",
    ),
    "a ruleset's name": ("ruleset", RULESET.replace("mine", "self"), "line 1: name is 'self', and a ruleset is called as its file: mine"),
    "a ruleset's sense": ("ruleset", RULESET.replace("trials: 1", "trials: 2"), "2 trials of one default point are the same trial"),
    "a launcher's name": ("launcher", "name: cloud\n", "line 1: name is the launcher, debug or local or slurm, not 'cloud'"),
    "a launcher's field": (
        "launcher",
        "name: slurm\npartiton: x\n",
        "line 2: the launcher has no field 'partiton'; did you mean",
    ),
    "a launcher's value": (
        "launcher",
        "name: slurm\nworkloads:\n  gpu:\n    gpus: many\n",
        "line 4: workloads.gpu.gpus is a whole number",
    ),
    "hardware": ("hardware", "fingerprint: x\n", "mine.yaml: the calibration has no 'date', which is needed"),
}


@pytest.mark.parametrize("what", GROUPS)
def test_a_wrong_file_of_a_group(project: World, capsys: pytest.CaptureFixture[str], what: str) -> None:
    group, text, says = GROUPS[what]
    folder = project.root / "configs" / group
    if folder.is_symlink():
        files = {path.name: path.read_text() for path in folder.glob("*.yaml")}
        folder.unlink()
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(text)
    launch = ["launch", "submissions=quick", "workloads=toy/cpu", "out=new", "dry_run=true"]
    assert main([*launch, f"{group}=mine"], project.root) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert main(["list"], project.root) == 0
    assert says in capsys.readouterr().out
    read_options(LaunchOptions, "launch", launch[1:], Project(project.root))


def test_a_files_own_launcher_and_a_changed_default(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    """configs/ is Hydra's: a file may build on another, and configs/<verb>.yaml may change a default of the project."""
    configs = project.root / "configs"
    (configs / "workload/toy/big.yaml").write_text("defaults:\n  - cpu\n  - _self_\ntier: big\nbudget_s: 40\n")
    assert main(["list"], project.root) == 0
    assert re.search(r"^toy/big +squared_error", capsys.readouterr().out, re.M)
    launch = configs / "launch.yaml"
    launch.write_text(f"{launch.read_text()}unconfirmed_hours: 0.0001\n")
    command = ["launch", "submissions=quick", "workloads=toy/big", "out=new"]
    assert read_options(LaunchOptions, "launch", command[1:], Project(project.root)).unconfirmed_hours == 0.0001
    launch.write_text(launch.read_text().replace("0.0001", "much"))
    assert main(command, project.root) == 2
    assert "launch.yaml, line 7: unconfirmed_hours is a number from 0 to 1e+06, not 'much'" in capsys.readouterr().err
    launch.write_text(launch.read_text().replace("unconfirmed_hours", "unconfirmed_hour"))
    assert main(command, project.root) == 2
    assert "launch.yaml, line 7: no option 'unconfirmed_hour'; did you mean 'unconfirmed_hours'?" in capsys.readouterr().err


def test_one_broken_space_is_the_trouble_of_its_submission_alone(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path(project.root / "submissions/slow/space.yaml").write_text("learning_rate: {scale: log, min: on, max: 1, default: 1}\n")
    assert main(["list"], project.root) == 0
    assert re.search(r"^slow +BROKEN: submissions/slow/space.yaml, line 1: min: on has two meanings", capsys.readouterr().out, re.M)
    read_options(LaunchOptions, "launch", ["submissions=quick", "workloads=toy/cpu", "out=new"], Project(project.root))
    assert main(["launch", "submissions=slow", "workloads=toy/cpu", "out=new"], project.root) == 2
