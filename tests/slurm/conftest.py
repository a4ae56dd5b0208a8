"""Tests on a real Slurm that runs already (.ci/run and tests/slurm/cluster start one); without one they are skipped, or fail where told to.

The folder of a test lies in the home folder, not below /tmp: as on a real cluster all nodes see it.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.cli import main
from harness.launch import cluster
from tests.conftest import SGD, World, last_of_each, write_toy
from tests.slurm.toy import WAITS, write_project

NEEDED = "FINISHLINE_NEEDS_SLURM"
WAIT_S = 120.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies in this folder, and puts it first: it waits most of its time, and would do so alone at the end."""
    here = [item for item in items if Path(item.fspath).parent == Path(__file__).parent]
    for item in here:
        item.add_marker(pytest.mark.slurm)
    items.sort(key=lambda item: item not in here)


def what_is_wrong() -> str | None:
    """Returns why there is no cluster to test on, or None."""
    if shutil.which("sinfo") is None:
        return "no Slurm here: start one with tests/slurm/cluster up"
    outcome = subprocess.run(["sinfo", "-h", "-p", "main", "-t", "idle,mix,alloc", "-o", "%D"], capture_output=True, text=True, check=False)
    if outcome.returncode or not outcome.stdout.strip():
        return f"no Slurm with a partition 'main' and nodes that are up: {outcome.stderr.strip()}; start one with tests/slurm/cluster up"
    return None


@pytest.fixture(scope="session")
def slurm() -> None:
    trouble = what_is_wrong()
    if trouble and os.environ.get(NEEDED):
        pytest.fail(f"{NEEDED} is set, and {trouble}")
    if trouble:
        pytest.skip(trouble)


@pytest.fixture
def _cluster_of_ones_own(slurm: None) -> Iterator[None]:
    """Tests on the one cluster follow each other, whichever of pytest's workers runs them."""
    with Path(tempfile.gettempdir(), "finishline-tests-slurm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def project(_cluster_of_ones_own: None, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".finishline-test-") as name:
        root = Path(name)
        write_toy(root)
        write_project(root)
        world = World(root, cache)
        world.submission(SGD, "quick")
        (root / "gate").touch()
        world.submission(WAITS.format(gate=str(root / "gate")), "waits")
        monkeypatch.setenv("FINISHLINE_CACHE", str(cache))
        yield world
        cluster.cancel(list(cluster.queue()))
        wait(lambda: not cluster.queue(), "an empty queue: a job that goes on would write into the folder while it is deleted")


@pytest.fixture
def launch(project: World) -> Callable[..., int]:
    words = ["launch", "workloads=[toy/cpu]", "studies=1", f"out={project.root / 'ledger'}", "sandbox=none", "racing=off"]
    small = ["launcher=slurm", "launcher.partition=main", "launcher.cpus=1", "launcher.memory_gb=0.5"]

    def run(*more: str) -> int:
        return main(last_of_each(*words, *small, *more), project.root)

    return run


def wait(condition: Callable[[], object], what: str) -> None:
    """Waits until something holds; fails after two minutes."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not so after {WAIT_S:g} s: {what}"
        time.sleep(0.3)
