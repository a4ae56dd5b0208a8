"""Killed at any instant, a trial goes on as if nothing had happened (benchmarks/kill.py shows it 100 times)."""

import dataclasses
import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.kill import SUBMISSION, Result, is_runner, kill, nothing_left, run, start, toy_spec
from harness.errors import UserError
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.ledger.segments import read_starts
from harness.ledger.spec import TrialSpec
from harness.machine import hardware
from harness.trial.checkpoint import CheckpointStore
from harness.trial.referee import run_trial
from tests.conftest import Silent, World, write_toy


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Result:
    root = tmp_path_factory.mktemp("whole")
    write_toy(root)
    return run(toy_spec(World(root, cache), "none"), root / "whole", cache, [])


class KilledAt(Silent):
    """A watcher whose referee is interrupted right after an evaluation."""

    def __init__(self, evaluation: int) -> None:
        super().__init__()
        self.evaluation = evaluation

    def on_evaluation(self, row: object) -> None:
        if row.evaluation == self.evaluation:
            raise KeyboardInterrupt


def interrupted(world: World, folder: Path, evaluation: int = 3) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_trial(toy_spec(world, "none"), folder, world.cache, KilledAt(evaluation))


def finished(world: World, folder: Path, whole: Result, spec: TrialSpec | None = None) -> None:
    record = run_trial(spec or toy_spec(world, "none"), folder, world.cache, Silent())
    assert record.verdict == "missed", record.reason
    rows = [(r.evaluation, r.step, r.examples, r.valid_metric, r.valid_loss) for r in read_rows(folder / "evals.csv")]
    assert tuple(rows) == whole.rows
    assert [line for line in (folder / "log.txt").read_text().splitlines() if line.startswith("weights")][-1] == whole.weights


SLOW = SUBMISSION.replace("        self.made += 1\n", "        self.made += 1\n        __import__('time').sleep(0.02)\n")
"""So that a kill comes while the trial runs; the same rows and weights."""


def test_a_trial_that_is_killed_in_each_of_its_parts_goes_on(world: World, whole: Result) -> None:
    """In the sandbox, with a referee that is a process of its own."""
    assert SLOW != SUBMISSION
    spec = dataclasses.replace(toy_spec(world), source_hash=world.spec(SLOW, "noisy_toy").source_hash)
    folder = world.root / "trial"
    for number, part in enumerate(("referee", "runner", "both"), 1):
        referee = start(spec, folder, world.cache)
        while referee.poll() is None and not (segments(folder) == number and len(read_rows(folder / "evals.csv")) > number):
            time.sleep(0.005)
        below = psutil.Process(referee.pid).children(recursive=True)
        kill(referee.pid, part)
        referee.wait()
        nothing_left(below)
    finished(world, folder, whole, spec)
    assert len(read_record(folder).segments) == 4


def segments(folder: Path) -> int:
    """How often a trial was begun."""
    return len(read_starts(folder))


def test_an_interrupted_trial_goes_on(world: World, whole: Result) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    assert read_record(folder) is None
    assert segments(folder) == 1
    finished(world, folder, whole)
    record = read_record(folder)
    assert len(record.segments) == 2
    assert record.segments[1].first_evaluation == 3
    assert sum(s.time_s for s in record.segments) == pytest.approx(record.time_s)


@pytest.mark.parametrize("damage", ["truncated state", "truncated weights", "no position", "flipped bit", "torn rename"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(world: World, whole: Result, damage: str) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    older, newest = sorted((folder / "checkpoint").iterdir())
    if damage == "truncated state":
        os.truncate(newest / "state.pt", 100)
    elif damage == "truncated weights":
        os.truncate(newest / "weights.safetensors", 20)
    elif damage == "no position":
        (newest / "position.json").unlink()
    elif damage == "flipped bit":
        content = bytearray((newest / "state.pt").read_bytes())
        content[len(content) // 2] ^= 1
        (newest / "state.pt").write_bytes(content)
    else:
        (newest / "weights.safetensors").unlink()
    assert CheckpointStore(folder / "checkpoint").latest().folder == older
    finished(world, folder, whole)


def test_with_no_whole_checkpoint_it_starts_again(world: World, whole: Result) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    for position in (folder / "checkpoint").rglob("position.json"):
        position.write_text("{")
    finished(world, folder, whole)


@pytest.mark.parametrize("tail", ["5,60,96", "\n\n", "5,60,960,0.1,", ""])
def test_a_row_that_was_cut_short_is_written_again(world: World, whole: Result, tail: str) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    with (folder / "evals.csv").open("a") as file:
        file.write(tail)
    finished(world, folder, whole)


def test_rows_that_were_changed_meanwhile_are_not_gone_on_with(world: World) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    rows = folder / "evals.csv"
    text = rows.read_text()
    rows.write_text(re.sub(r"^1,\d+,", "1,7,", text, flags=re.M))
    with pytest.raises(UserError, match=r"evals.csv was changed since it was written: remove the trial's folder"):
        run_trial(toy_spec(world, "none"), folder, world.cache, Silent())


def test_on_another_kind_of_machine_it_does_not_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.root / "trial"
    interrupted(world, folder)
    rows = read_rows(folder / "evals.csv")
    monkeypatch.setattr(hardware, "_processor", lambda: "Another CPU")
    with pytest.raises(UserError, match="this machine is 'Another CPU"):
        run_trial(toy_spec(world, "none"), folder, world.cache, Silent())
    assert read_rows(folder / "evals.csv") == rows


class Killer(KilledAt):
    """Kills the runner alone, right after an evaluation."""

    def on_evaluation(self, row: object) -> None:
        if row.evaluation == self.evaluation:
            for child in filter(is_runner, psutil.Process().children(recursive=True)):
                child.send_signal(signal.SIGKILL)


def test_a_crashed_trial_keeps_its_checkpoint_and_goes_on(world: World, whole: Result) -> None:
    folder = world.root / "trial"
    record = run_trial(toy_spec(world), folder, world.cache, Killer(3))
    assert record.verdict == "crashed"
    assert "signal 9" in record.reason
    finished(world, folder, whole, toy_spec(world))


BETTER = """
    def setup(self):
        import builtins
        builtins.setups = getattr(builtins, "setups", 0) + 1
        super().setup()

    def load_state_dict(self, state):
        import builtins
        super().load_state_dict(state)
        if {when}:
            self.model.linear.weight.data.mul_(0.5)
"""


def better(world: World, when: str) -> TrialSpec:
    """A submission that changes its weights when it is restored."""
    code = SUBMISSION.replace("class Noisy", "class Base") + "\nclass Noisy(Base):\n" + BETTER.format(when=when)
    return dataclasses.replace(toy_spec(world), source_hash=world.spec(code, "noisy_toy").source_hash)


def test_a_submission_that_comes_back_better_is_rejected(world: World) -> None:
    spec, folder = better(world, "builtins.setups == 1"), world.root / "trial"
    with pytest.raises(KeyboardInterrupt):
        run_trial(spec, folder, world.cache, KilledAt(3))
    record = run_trial(spec, folder, world.cache, Silent())
    assert record.verdict == "rejected"
    assert "not those of the checkpoint" in record.reason


def test_a_submission_that_would_come_back_another_ends_at_its_first_checkpoint(world: World) -> None:
    record = run_trial(better(world, "True"), world.root / "trial", world.cache, Silent())
    assert record.verdict == "crashed"
    assert "the state cannot be saved: self.model.linear.weight would be different after going on from this checkpoint" in record.reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def setup(self):\n    super().setup()\n    self.rates = iter([0.1])\n", "self.rates is a list_iterator"),
        ("def step(self, batch):\n    super().step(batch)\n    self.f = torch.compile(abs, backend='eager')\n", "self.f is a"),
        ("def state_dict(self):\n    return {'half': iter}\n", "self.half"),
    ],
)
def test_what_could_not_go_on_is_refused_at_the_first_checkpoint(world: World, code: str, words: str) -> None:
    record = world.run(code, checkpoint_period_s=0.0).record
    assert record.verdict == "crashed"
    assert words in record.reason


GOES_ON = {
    "accumulates": "def step(self, batch):\n    self.n = getattr(self, 'n', 0) + 1\n    self.losses(batch).mean().backward()\n"
    "    if self.n % 4 == 0:\n        self.optimizer.step()\n        self.optimizer.zero_grad()\n",
    "freezes and adds a group": "def step(self, batch):\n    super().step(batch)\n"
    "    self.n = getattr(self, 'n', 0) + 1\n    if self.n == 15:\n"
    "        self.model.linear.bias.requires_grad_(False)\n        self.hp.learning_rate /= 2\n"
    "        self.optimizer = torch.optim.Adam([self.model.linear.weight], lr=self.hp.learning_rate)\n",
}


@pytest.mark.parametrize("case", GOES_ON)
def test_what_setup_did_not_make_goes_on(world: World, case: str) -> None:
    code = GOES_ON[case] + "def done(self):\n    return getattr(self, 'n', 0) >= 60\n"
    spec = world.spec(code, target=-1.0, checkpoint_period_s=0.0, evaluate_every=16 * 7)
    with pytest.raises(KeyboardInterrupt):
        run_trial(spec, world.root / "cut", world.cache, KilledAt(3))
    rows = []
    for name in ("cut", "whole"):
        assert run_trial(spec, world.root / name, world.cache, Silent()).verdict == "missed"
        rows.append([(r.step, r.valid_metric, r.valid_loss) for r in read_rows(world.root / name / "evals.csv")])
    assert rows[0] == rows[1]
