"""A campaign that was run once, and copies of it to tamper with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.callbacks.display import Display
from harness.cli import PROJECT, main
from tests.conftest import SGD, World, write_toy
from tests.test_cli import SLOW, WORKLOAD

AVERAGED = """
import contextlib

def setup(self):
    super().setup()
    self.kept = None

@contextlib.contextmanager
def eval_weights(self):
    before = [p.detach().clone() for p in self.model.parameters()]
    with torch.no_grad():
        for p in self.model.parameters():
            p.mul_(0.999)
        yield
        for p, value in zip(self.model.parameters(), before):
            p.copy_(value)
"""
AVERAGED = SGD + "\nclass Variant(SGD):\n" + "\n".join(f"    {line}" for line in AVERAGED.strip().splitlines())
CRASHES = "def on_eval(self, evaluation):\n    if self.schedule is None and evaluation.loss < 2: raise RuntimeError('bad luck')"


@pytest.fixture(scope="package")
def honest(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[World]:
    """A project with a campaign in `ledger`: one trial interrupted and resumed, one reached, one missed, one crashed."""
    root = tmp_path_factory.mktemp("project")
    write_toy(root)
    (root / "configs" / "workload" / "toy").mkdir(parents=True)
    (root / "configs" / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD)
    for name in ("run.yaml", "ruleset", "launcher"):
        (root / "configs" / name).symlink_to(PROJECT / "configs" / name)
    launch = (PROJECT / "configs" / "launch.yaml").read_text()
    (root / "configs" / "launch.yaml").write_text(launch.replace("launcher: local", "launcher: debug"))  # no process start for each
    world = World(root, cache)
    for name, code in (("quick", SGD), ("averaged", AVERAGED), ("slow", SLOW), ("crashes", CRASHES)):
        world.submission(code, name)
    launch = ["launch", "workloads=[toy/cpu]", f"out={root / 'ledger'}", "studies=1"]
    evaluated = Display.on_evaluation

    def interrupt(self: Display, row: object) -> None:
        evaluated(self, row)
        if row.evaluation == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINISHLINE_CACHE", str(cache))
        patch.setattr("harness.commands.launch.check_importable", lambda *_: None)
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Display, "on_evaluation", interrupt)
            assert main([*launch, "submissions=[averaged]"], root) == 130
        assert main([*launch, "submissions=[averaged,quick,slow,crashes]"], root) == 0
        yield world


@pytest.fixture
def ledger(honest: World, tmp_path: Path) -> Path:
    shutil.copytree(honest.root / "ledger", tmp_path / "ledger")
    return tmp_path / "ledger"
