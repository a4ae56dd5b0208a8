"""Several ranks: the same mathematics on 1, 2 and 4, exact resume, a dead rank that ends the trial, ranks on other nodes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
import torch
from safetensors.torch import load_file

from harness.errors import UserError
from harness.ledger.record import Record
from harness.ledger.rows import Row, read_rows
from harness.ledger.spec import TrialSpec
from harness.machine.hardware import this_machine
from harness.project.project import Project
from harness.trial import coordinator
from harness.trial.checkpoint import load_state
from harness.trial.coordinator import NodeCoordinator
from harness.trial.referee import run_trial
from harness.trial.sandbox import PROJECT
from harness.trial.session import Timeouts
from tests.conftest import SGD, Silent, World
from tests.trial.referee_time import RefereeTime, UsesUpTheBudget, printed
from tests.trial.standing import StandsStill

SMALL = {
    "vit": {"train": 512, "valid": 64, "test": 64},
    "resnet": {"train": 512, "valid": 64, "test": 64},
    "click": {"train_sessions": 20000, "held_out_sessions": 500, "queries": 200},
}
STEPS = 50
REAL_STEPS = 20
"""Of the project's own workloads, on up to four ranks."""
DONE = """
taken = 0
def step(self, batch):
    super().step(batch)
    self.taken += 1
def done(self):
    return self.taken >= 50
"""
OWN_EXCHANGE = """
def step(self, batch):
    self.optimizer.zero_grad()
    with self.no_sync():
        self.losses(batch).mean().backward()
    for p in self.model.parameters():
        torch.distributed.all_reduce(p.grad, group=self.process_group)
        p.grad /= self.world_size
    self.optimizer.step()
"""
NO_EXCHANGE = """
def step(self, batch):
    with self.no_sync():
        super().step(batch)
"""


@pytest.fixture(autouse=True)
def _on_the_cpu_where_gpus_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    if 0 < torch.cuda.device_count() < 4:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_there_must_be_a_gpu_for_each_rank(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = replace(this_machine(), accelerator="H100", accelerators=1)
    with pytest.raises(UserError, match=r"ranks=2: .* has only 1 GPUs, one for each rank"):
        NodeCoordinator().start_ranks(world.root, 2, None, machine)
    assert NodeCoordinator(2, "7-0").start_ranks(world.root, 2, None, machine).local_ranks == 1


class StopsAfterCheckpoint(Silent):
    """A watcher whose referee is interrupted when a checkpoint after so many steps is on disk."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_checkpoint(self) -> None:
        if self.rows and self.rows[-1].step >= self.steps:
            raise KeyboardInterrupt


def weights(spec: TrialSpec, folder: Path, cache: Path, steps: int = STEPS) -> dict[str, torch.Tensor]:
    """Trains for so many steps and returns the weights."""
    with pytest.raises(KeyboardInterrupt):
        run_trial(replace(spec, checkpoint_period_s=0.0), folder, cache, StopsAfterCheckpoint(steps))
    return load_file(folder / "checkpoint" / f"step_{steps:08d}" / "weights.safetensors")


def real(world: World, name: str, ranks: int, code: str = SGD, steps: int = REAL_STEPS) -> TrialSpec:
    """A trial on one of the project's own workloads, with less data."""
    project = Project(PROJECT)
    config = project.workload(f"{name}/cpu")
    never = -1.0 if config.direction == "minimize" else 2.0
    config = replace(config, data={**config.data, **SMALL[name]}, ranks=ranks, target=never)
    every = config.reference_batch * steps
    return replace(world.spec(code), workload=config, workload_path=str(project.workload_folder(config)), evaluate_every=every)


def distance(these: dict[str, torch.Tensor], those: dict[str, torch.Tensor]) -> float:
    """The relative difference between two sets of weights, taken as vectors."""
    one, other = (torch.cat([tensors[name].flatten().double() for name in sorted(tensors)]) for tensors in (these, those))
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("name", ["vit", "click"])
def test_the_same_mathematics_on_any_number_of_ranks(world: World, name: str) -> None:
    alone = weights(real(world, name, 1), world.root / "1", world.cache, REAL_STEPS)
    for ranks in (2, 4):
        there = weights(real(world, name, ranks), world.root / str(ranks), world.cache, REAL_STEPS)
        assert distance(there, alone) < 1e-6


def test_a_submission_may_own_the_exchange(world: World) -> None:
    usual = weights(real(world, "vit", 2, steps=5), world.root / "usual", world.cache, steps=5)
    own = weights(real(world, "vit", 2, OWN_EXCHANGE, 5), world.root / "own", world.cache, steps=5)
    none = weights(real(world, "vit", 2, NO_EXCHANGE, 5), world.root / "none", world.cache, steps=5)
    assert distance(own, usual) < 1e-6
    assert distance(none, usual) > 1e-4


def test_batch_norm_keeps_statistics_of_each_rank_and_is_evaluated_with_their_mean(world: World) -> None:
    saved = weights(real(world, "resnet", 2, steps=5), world.root / "trial", world.cache, steps=5)
    folder = world.root / "trial" / "checkpoint" / "step_00000005"
    first, second = (load_state(folder / name)["buffers"] for name in ("state.pt", "state_1.pt"))
    running = [name for name in first if "running" in name]
    assert running
    for name in running:
        assert not torch.equal(first[name], second[name])
        assert torch.allclose(saved[name], (first[name] + second[name]) / 2)


class StopsAt(Silent):
    """A watcher whose referee is interrupted at an evaluation."""

    def __init__(self, evaluation: int) -> None:
        super().__init__()
        self.evaluation = evaluation

    def on_evaluation(self, row: Row) -> None:
        super().on_evaluation(row)
        if row.evaluation == self.evaluation:
            raise KeyboardInterrupt


def test_an_interrupted_trial_goes_on_in_all_ranks(world: World) -> None:
    spec, whole, cut = world.spec(SGD, ranks=2), world.root / "whole", world.root / "cut"
    expected = weights(spec, whole, world.cache)
    with pytest.raises(KeyboardInterrupt):
        run_trial(replace(spec, checkpoint_period_s=0.0), cut, world.cache, StopsAt(3))
    assert {name: tensor.tolist() for name, tensor in weights(spec, cut, world.cache).items()} == {
        name: tensor.tolist() for name, tensor in expected.items()
    }


def test_all_ranks_of_this_node_stand_while_the_clock_stands(world: World) -> None:
    callback = StandsStill()
    record = run_trial(world.spec(DONE, ranks=2, sandbox="auto"), world.root / "trial", world.cache, callback)
    assert (record.verdict, record.steps, record.ranks, record.frozen_ranks) == ("missed", 50, 2, 2), record.reason
    assert callback.most_processes >= 3  # one for each rank and the one that waits for them
    assert len(callback.rows) == 6


@pytest.mark.parametrize(
    ("what", "reason", "sandbox"),
    [
        ("os.kill(os.getpid(), 9)", "rank 1 was killed by signal 9", "auto"),
        ("os.kill(os.getpid(), 9)", "rank 1 was killed by signal 9", "none"),
        ("os._exit(0)", "rank 1 ended by itself (exit code 0)", "none"),
        ("raise KeyError('why')", "KeyError: 'why' at submission.py", "none"),
    ],
    ids=["killed in the sandbox", "killed", "gone", "raises"],
)
def test_a_dead_rank_ends_the_trial(world: World, what: str, reason: str, sandbox: str) -> None:
    code = f"def step(self, batch):\n    import os\n    if self.rank == 1:\n        {what}\n    super().step(batch)\n"
    record = world.run(code, ranks=2, sandbox=sandbox).record
    assert record.verdict == "crashed"
    assert record.reason.startswith(reason)


def test_a_rank_that_hangs_is_ended_at_the_budget(world: World, referee_time: RefereeTime) -> None:
    hangs = "print('hangs', flush=True)\n        __import__('time').sleep(1e6)"
    code = f"def step(self, batch):\n    if self.rank == 1:\n        {hangs}\n    super().step(batch)\n"
    callback = UsesUpTheBudget(referee_time, printed("hangs", world.root))
    record = world.run(code, timeouts=Timeouts(answer_s=0.1), callback=callback, ranks=2).record
    assert record.verdict == "timed_out"
    assert "budget of 60 s was used up" in record.reason


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        ("def done(self):\n    return self.rank == 0\n", "crashed", "do not agree on (step, examples, done())"),
        ("def batch_size(self, workload):\n    return 15\n", "crashed", "15, which cannot be dealt evenly to 2 ranks"),
        ("def select(self, stream):\n    return stream.next(3)\n", "crashed", "3 examples cannot be dealt evenly to 2 ranks"),
        ("def setup(self):\n    super().setup()\n    torch.save = None if self.rank else torch.save\n", "rejected", "save was replaced"),
    ],
    ids=["done", "batch size", "batch", "guard"],
)
def test_what_goes_wrong_in_one_rank_is_told(world: World, code: str, verdict: str, reason: str) -> None:
    record = world.run(code, ranks=2).record
    assert (record.verdict, reason in record.reason) == (verdict, True), record.reason


TELLS = """
def setup(self):
    import os
    super().setup()
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR")
    os.write(1, f"here {' '.join(os.environ[name] for name in names)}\\n".encode())
"""


def test_each_rank_finds_the_environment_of_torchrun(world: World) -> None:
    log = world.run(TELLS + DONE, ranks=2).folder / "log.txt"
    assert sorted(line for line in log.read_text().splitlines() if line.startswith("here")) == [
        "here 0 0 2 2 127.0.0.1",
        "here 1 1 2 2 127.0.0.1",
    ]


HELPER = """
import os, sys
import msgspec
from contextlib import suppress
from pathlib import Path
from harness.trial import coordinator
from harness.trial.processes import adopt_orphans
from harness.ledger.spec import TrialSpec
adopt_orphans()  # what a killed helper leaves is handed to this process, not to the referee: that is on another node
if child := os.fork():
    ended = {}
    with suppress(ChildProcessError):
        while True:
            ended.update([os.wait()])
    os._exit(os.waitstatus_to_exitcode(ended[child]) % 256)
spec, trial, job, cache = sys.argv[1:]
coordinator.run_remote_ranks(msgspec.json.decode(spec, type=TrialSpec), Path(trial), 1, job, Path(cache))
"""


@contextmanager
def second_node(spec: TrialSpec, trial: Path, cache: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A helper of job 7-0, as a process of this machine."""
    words = [sys.executable, "-c", HELPER, msgspec.json.encode(spec).decode(), str(trial), "7-0", str(cache)]
    with subprocess.Popen(words, cwd=PROJECT, process_group=0) as helper:
        try:
            yield helper
            NodeCoordinator(2, "7-0").shut_down(trial)
            assert helper.wait(timeout=30) in (0, -signal.SIGKILL % 256)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(helper.pid, signal.SIGKILL)


class LooksAtCheckpoints(Silent):
    """A watcher that notes which files there are in each checkpoint."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.seen = folder, set()

    def on_checkpoint(self) -> None:
        self.seen |= {tuple(sorted(file.name for file in folder.iterdir())) for folder in (self.folder / "checkpoint").glob("step_*")}


def test_ranks_on_two_nodes(world: World) -> None:
    """As on one node, bit by bit."""
    spec = world.spec(DONE, ranks=2, sandbox="auto", checkpoint_period_s=0.0)
    one = run_trial(replace(spec, sandbox="none"), world.root / "one", world.cache, Silent())
    folder = world.root / "two"
    callback = LooksAtCheckpoints(folder)
    with second_node(spec, folder, world.cache):
        two = run_trial(spec, folder, world.cache, callback, nodes=NodeCoordinator(2, "7-0"))
    assert (two.verdict, two.steps, two.ranks, two.frozen_ranks) == ("missed", STEPS, 2, 1), two.reason
    assert [losses(folder) for folder in (world.root / "one", folder)] == [losses(folder)] * 2
    assert len(losses(folder)) == 6
    assert (one.frozen_ranks, one.best_metric) == (2, two.best_metric)
    assert callback.seen == {("position.json", "state.pt", "state_1.pt", "weights.safetensors")}
    assert two.sandbox == "bwrap+network"


def losses(folder: Path) -> list[tuple[int, float, float]]:
    return [(row.step, row.valid_metric, row.valid_loss) for row in read_rows(folder / "evals.csv")]


def test_what_goes_wrong_on_another_node_is_told(world: World) -> None:
    code = "def step(self, batch):\n    import os\n    if self.rank == 1:\n        os.kill(os.getpid(), 9)\n    super().step(batch)\n"
    spec, folder = world.spec(code, ranks=2), world.root / "two"
    with second_node(spec, folder, world.cache):
        record = run_trial(spec, folder, world.cache, Silent(), nodes=NodeCoordinator(2, "7-0"))
    assert (record.verdict, record.sandbox) == ("crashed", "none")
    assert record.reason.startswith("on node 1 (")
    assert "rank 1 was killed by signal 9" in record.reason


class KillsHelper(Silent):
    """A watcher that kills the second node's helper, and with it its ranks, at an evaluation."""

    def __init__(self, helper: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self.helper = helper

    def on_evaluation(self, row: Row) -> None:
        if row.evaluation == 2:
            (helper,) = psutil.Process(self.helper.pid).children()
            helper.kill()

    def on_end(self, record: Record, folder: Path) -> None: ...


def test_a_node_that_is_lost_ends_the_trial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "SILENT_S", 8.0)
    spec, folder = world.spec(SGD, ranks=2), world.root / "two"
    with second_node(spec, folder, world.cache) as helper:
        record = run_trial(spec, folder, world.cache, KillsHelper(helper), nodes=NodeCoordinator(2, "7-0"))
    assert record.verdict == "crashed", record.reason
