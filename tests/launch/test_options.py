"""configs/launcher/*.yaml and launcher.*= on the command line become dataclasses; mistakes get one line."""

import pytest

from harness.cli import PROJECT
from harness.errors import UserError
from harness.launch.options import Debug, Local, Slurm
from harness.project.config import LaunchOptions, options


def read(*words: str) -> Debug | Local | Slurm:
    return options(PROJECT / "configs", "launch", LaunchOptions, ["out=nowhere", *words]).launcher


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
        ("launcher.partiton=x", "no field 'partiton'; did you mean 'partition'?"),
        ("launcher.gpus=many", "launcher.gpus is a whole number of at least 0, not 'many'"),
        ("launcher.gpus=-1", "launcher.gpus is a whole number of at least 0"),
        ("launcher.workloads.lm-cpu.cpu=2", "launcher.workloads.lm-cpu: no field 'cpu'; did you mean 'cpus'?"),
        ("launcher.setup=ls", "a list of lines of shell, not 'ls'"),
        ("launcher.memory_gb=0", "a number above 0"),
        ("launcher.exclusive=maybe", "true or false"),
        ("launcher.time_min=1", "notice_s=90 is not less than time_min=1"),
        ("launcher.name=cloud", "name is debug, local or slurm, not 'cloud'"),
    ],
)
def test_a_mistake_is_named(word: str, says: str) -> None:
    with pytest.raises(UserError, match="launch") as error:
        read("launcher=slurm", word)
    assert says in str(error.value)
