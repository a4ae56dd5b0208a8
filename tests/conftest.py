"""Throw-away worlds: a toy workload and submissions built from strings inside the tests."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from harness.cli import PROJECT
from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.project.plugins import load_submission
from harness.project.project import Project
from harness.trial.callback import TrialCallback
from harness.trial.referee import run_trial
from harness.trial.session import Timeouts
from harness.trial.source import hash_folder
from harness.workload import WorkloadConfig
from tests.fork_server import ForkServer

TOY_WORKLOAD = '''
import time
import numpy as np, torch
from torch import nn
from harness.workload import Batch, Evaluation, Workload

class Net(nn.Module):
    """A linear model with dropout and a buffer."""
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)
        self.register_buffer("seen", torch.zeros(()))
    def forward(self, x):
        if self.training:
            self.seen += 1
        return self.linear(nn.functional.dropout(x, 0.1, self.training))[:, 0]

class Toy(Workload):
    def make_data(self, folder, salt=None):
        weights = np.arange(8, dtype=np.float32) / 8
        for number, (split, size) in enumerate({"train": 512, "valid": 64, "test": 64}.items()):
            x = np.random.default_rng(number).normal(size=(size, 8)).astype(np.float32)
            (folder / split).mkdir()
            np.savez(folder / split / "columns.npz", x=x, y=x @ weights + 0.5)
    def load(self, folder, split):
        with np.load(folder / split / "columns.npz") as columns:
            return Data({name: torch.from_numpy(column) for name, column in columns.items()})
    def batch(self, data, ids, generator):
        x = data.columns["x"][ids]
        if generator is not None:
            x = x + 0.01 * torch.randn(x.shape, generator=generator)
        return Batch(ids, (x,), data.columns["y"][ids])
    def build_model(self):
        return Net()
    def roles(self, model):
        return {"linear.weight": "head", "linear.bias": "bias"}
    def losses(self, model, batch):
        return (model(*batch.inputs) - batch.targets) ** 2
    def evaluate(self, model, data):
        begun = time.thread_time()
        while time.thread_time() < begun + self.config.data.get("evaluation_works_s", 0):
            pass
        if self.config.data.get("evaluation_raises"):
            raise RuntimeError("no evaluation today")
        x, y = data.columns["x"], data.columns["y"]
        loss = ((model(x) - y) ** 2).mean().item()
        return Evaluation(metric=loss, loss=loss)

class Data:
    def __init__(self, columns):
        self.columns = columns
    def __len__(self):
        return len(self.columns["y"])

WORKLOAD = Toy
'''

SGD = """
import torch
from harness.submission import Submission

class SGD(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
"""


def last_of_each(*words: str) -> list[str]:
    """The words of a command line without those options that are given again later, which the command line itself refuses."""
    return list({word.partition("=")[0]: word for word in words}.values())


class Silent(TrialCallback):
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def on_evaluation(self, row: Row) -> None:
        self.rows.append(row)


@dataclass(frozen=True)
class Outcome:
    """A trial that was run, and its folder."""

    record: Record
    folder: Path


@dataclass(frozen=True)
class World:
    """A folder with a toy workload, in which trials are run."""

    root: Path
    cache: Path

    def submission(self, code: str = SGD, name: str = "toy_sgd") -> Path:
        """Writes a submission's folder; code that is only methods goes into a class derived from plain SGD."""
        folder = self.root / "submissions" / name
        folder.mkdir(parents=True, exist_ok=True)
        body = textwrap.dedent(code)
        if not body.lstrip().startswith(("import", "from", "class")):
            body = f"{SGD}\nclass Variant(SGD):\n{textwrap.indent(body, '    ')}"
        (folder / "submission.py").write_text(body)
        (folder / "space.yaml").write_text("learning_rate: {scale: log, min: 1e-4, max: 1, default: 0.02}\n")
        return folder

    def spec(self, code: str = SGD, name: str = "toy_sgd", **changes: object) -> TrialSpec:
        """Returns the spec of a trial; `changes` go to the spec or, where it has no such field, to the workload."""
        folder = self.submission(code, name)
        workload = WorkloadConfig(
            name="toy",
            tier="cpu",
            version=1,
            task="a line",
            metric="squared_error",
            direction="minimize",
            target=1e-9,
            test_target=1e9,
            budget_s=60.0,
            reference_batch=16,
            step_hint=100,
            loss_kind="squared_error",
            threads=1,
        )
        own = {name: changes.pop(name) for name in list(changes) if name not in TrialSpec.__dataclass_fields__}
        workload = replace(workload, **own)
        spec = TrialSpec(
            campaign=None,
            submission=name,
            submission_path=str(folder),
            source_hash=hash_folder(folder),
            hp={"learning_rate": 0.02},
            workload=workload,
            workload_path=str(self.root / "workloads" / "toy"),
            ruleset="self",
            budget_s=workload.budget_s,
            evaluate_every=160,
            study=1,
            trial=1,
            seed=1,
        )
        return replace(spec, **changes)

    def run(
        self,
        code: str = SGD,
        out: str = "ledger",
        timeouts: Timeouts | None = None,
        callback: TrialCallback | None = None,
        **changes: object,
    ) -> Outcome:
        """Runs a trial of a submission on the toy workload."""
        spec = self.spec(code, **changes)
        folder = spec.folder(self.root / out)
        return Outcome(run_trial(spec, folder, self.cache, callback or Silent(), timeouts), folder)


@pytest.fixture(autouse=True)
def _short_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second before each trial is for those that count."""
    monkeypatch.setattr("harness.machine.probe.REPEATS", 2)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_interrupts() -> Iterator[None]:
    """Also where the parent ignores SIGINT, as it does under `nohup` or in the background of a script: children would ignore it too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _runners_are_forked(_ctrl_c_interrupts: None) -> Iterator[None]:
    """Without a sandbox; what needs one starts its runner as everybody does."""
    with ForkServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.trial.runner_process.start", server.start)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Each of pytest's workers has one core; threads that wait for each other on it take many times as long."""
    torch.set_num_threads(1)


def import_submissions_here(patch: pytest.MonkeyPatch) -> None:
    """Has the commands try in this process whether a submission can be imported; tests/trial/test_sandbox.py has it tried in another."""
    for command in ("calibrate", "launch", "run", "targets"):
        patch.setattr(f"harness.commands.{command}.check_importable", lambda folder, sandbox: load_submission(folder))
    patch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def write_toy(root: Path) -> None:
    """Writes the toy workload below a project's root."""
    folder = root / "workloads" / "toy"
    folder.mkdir(parents=True)
    (folder / "workload.py").write_text(TOY_WORKLOAD)


@pytest.fixture
def world(tmp_path: Path, cache: Path) -> World:
    write_toy(tmp_path)
    return World(tmp_path, cache)


def our_submissions() -> list[str]:
    """The names of the submissions that git tracks; what a user has begun beside them is not for these tests."""
    listed = subprocess.run(["git", "ls-files", "submissions/*/submission.py"], cwd=PROJECT, capture_output=True, text=True, check=False)
    tracked = sorted(Path(path).parent.name for path in listed.stdout.split())
    return tracked or Project(PROJECT).submission_names()  # in a copy without git there is nothing else
