"""Which cores a trial gets, and that what it starts stays there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.trial.cores import hold_cores
from harness.trial.sandbox import PROJECT

FOUR = {0, 1, 2, 3}
AFFINITY = "import os; print(*os.sched_getaffinity(0))"
HOLDS = """
import sys
from pathlib import Path
from harness.trial.cores import hold_cores
with hold_cores(1, Path(sys.argv[1])) as cores:
    print(*cores.numbers, flush=True)
    input()
"""


@pytest.fixture
def _four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: FOUR)


@pytest.mark.usefixtures("_four")
def test_trials_of_a_machine_get_different_cores_and_then_those_with_the_fewest(tmp_path: Path) -> None:
    with hold_cores(1, tmp_path) as first:
        with hold_cores(2, tmp_path) as second:
            assert (first.numbers, second.numbers) == ((0,), (1, 2))
            with hold_cores(2, tmp_path) as third, hold_cores(2, tmp_path) as fourth:
                assert (third.numbers, fourth.numbers) == ((0, 3), (1, 2))
        with hold_cores(3, tmp_path) as fifth:
            assert fifth.numbers == (1, 2, 3)


@pytest.mark.usefixtures("_four")
def test_more_threads_than_cores_get_all_cores(tmp_path: Path) -> None:
    with hold_cores(99, tmp_path) as cores:
        assert cores.numbers == (0, 1, 2, 3)


def test_a_trial_that_is_killed_gives_its_cores_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as trial:
        held = int(trial.stdout.readline())
        with hold_cores(1, tmp_path) as cores:
            assert cores.numbers != (held,) or len(os.sched_getaffinity(0)) == 1
        trial.kill()
    with hold_cores(1, tmp_path) as cores:
        assert cores.numbers == (held,)


def test_what_is_started_there_stays_there_and_the_referee_does_not(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    with hold_cores(1, tmp_path) as cores:
        with cores.pinned():
            started = subprocess.run([sys.executable, "-c", AFFINITY], capture_output=True, text=True, check=True)
        assert os.sched_getaffinity(0) == before
    assert started.stdout.split() == [str(core) for core in cores.numbers]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "cores").write_text("")
    with pytest.raises(UserError, match="where trials lock their cores, cannot be used"), hold_cores(1, tmp_path / "cores"):
        pass
