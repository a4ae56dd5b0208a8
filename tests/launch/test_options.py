"""configs/launcher/*.yaml and launcher.*= on the command line become dataclasses; mistakes get one line."""

import pytest

from harness.cli import PROJECT
from harness.commands.options import LaunchOptions
from harness.errors import UserError
from harness.launch.launcher import Launcher, launcher_names
from harness.launch.launchers.debug import Debug
from harness.launch.launchers.local import Local
from harness.options.command_line import read_options
from harness.project.compose import choices_of
from harness.project.project import Project


def read(*words: str) -> Launcher:
    needed = ["out=nowhere", "submissions=nadamw", "workloads=lm/cpu"]
    return read_options(LaunchOptions, "launch", [*needed, *words], Project(PROJECT)).launcher


def test_each_launcher_has_a_module_and_a_file() -> None:
    assert launcher_names() == choices_of(PROJECT / "configs", "launcher") == ["debug", "local", "slurm"]


def test_each_file_is_read() -> None:
    assert read() == Local(1)
    assert read("launcher.workers=3") == Local(3)
    assert read("launcher=debug") == Debug()
    slurm = read("launcher=slurm")
    assert slurm.array_parallelism == 256
    assert slurm.resources.partition is None


def test_a_workload_goes_before_its_tier_and_that_before_the_rest() -> None:
    given = ("launcher.partition=main", "launcher.workloads.gpu.gpus=2", "launcher.workloads.lm-gpu.gpus=4", "launcher.time_min=30")
    slurm = read("launcher=slurm", *given)
    assert slurm.resources_for("lm", "cpu").gpus == 0
    assert slurm.resources_for("vit", "gpu").gpus == 2
    assert slurm.resources_for("lm", "gpu").gpus == 4
    everywhere = [slurm.resources_for(*place) for place in (("lm", "cpu"), ("vit", "gpu"), ("lm", "gpu"))]
    assert {(r.partition, r.time_min) for r in everywhere} == {("main", 30)}


def test_further_fields_of_sbatch_and_lines_of_shell() -> None:
    slurm = read("launcher=slurm", "launcher.extra.mail-user=me", "launcher.setup=['module load x','export A=1']")
    assert slurm.resources.extra == (("mail-user", "me"),)
    assert slurm.resources.setup == ("module load x", "export A=1")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("launcher.partiton=x", "launcher has no field 'partiton'; did you mean 'partition'?"),
        ("launcher.gpus=many", "launcher.gpus is a whole number from 0 to 1024, not 'many'"),
        ("launcher.gpus=-1", "launcher.gpus is a whole number from 0 to 1024, not -1"),
        ("launcher.workloads.lm-cpu.cpu=2", "launcher.workloads.lm-cpu has no field 'cpu'; did you mean 'cpus'?"),
        ("launcher.setup=ls", "a list of lines of shell, not 'ls'; write ['ls']"),
        ("launcher.memory_gb=0", "a number above 0"),
        ("launcher.exclusive=maybe", "true or false"),
        ("launcher.exclusive=yes", "launcher.exclusive is true or false, not 'yes'; write true"),
        ("launcher.extra=x", "write a value with its key"),
        ("launcher.workloads.gpu=2", "launcher.workloads.gpu is a table of fields"),
        ("launcher.time_min=1", "notice_s=90 is not less than time_min=1"),
        ("launcher.name=cloud", "launcher.name cannot be changed: choose with launcher=NAME"),
    ],
)
def test_a_mistake_is_named(word: str, says: str) -> None:
    with pytest.raises(UserError, match="launch") as error:
        read("launcher=slurm", word)
    assert says in str(error.value)
