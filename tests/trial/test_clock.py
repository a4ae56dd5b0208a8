"""The clock counts what DESIGN.md says and nothing else.

No test sleeps, and none compares seconds with a limit. The submission prints when each of its methods began and ended, the clock notes when
it ran, and the one must lie within the other.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from harness.trial import referee
from harness.trial.checkpoint import CheckpointStore
from harness.trial.clock import Clock, OffClock, Reading
from harness.trial.evaluator import Evaluator
from tests.conftest import Outcome, World
from tests.trial.standing import StandsStill

TELLS = """
import time
from contextlib import contextmanager

begun = time.monotonic()

import torch
from harness.submission import Submission

@contextmanager
def telling(part, begun=None):
    begun = time.monotonic() if begun is None else begun
    yield
    print("DID", part, begun, time.monotonic(), flush=True)

class Tells(Submission):
    def setup(self):
        with telling("setup"):
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def batch_size(self, workload):
        with telling("batch_size"):
            return super().batch_size(workload)

    def select(self, stream):
        with telling("select"):
            return super().select(stream)

    def step(self, batch):
        with telling("step"):
            super().step(batch)

    @contextmanager
    def eval_weights(self):
        with telling("eval_weights_entered"), super().eval_weights():
            pass
        yield
        with telling("eval_weights_left"):
            pass

    def on_eval(self, evaluation):
        with telling("on_eval"):
            pass

    def done(self):
        with telling("done"):
            return super().done()

    def state_dict(self):
        with telling("state_dict"):
            return super().state_dict()

with telling("import", begun):
    pass
"""
PARTS = ["import", "batch_size", "setup", "select", "step", "eval_weights_entered", "eval_weights_left", "on_eval", "done", "state_dict"]


@dataclass
class Run:
    """When a clock was started and when it was stopped: just before and just after each, as `time.monotonic` says it."""

    starts: float
    started: float
    stops: float = float("inf")
    stopped: float = float("inf")


class Noting(Clock):
    """A clock that notes when it ran."""

    def __init__(self, cpu_s: Callable[[], float]) -> None:
        super().__init__(cpu_s)
        self.runs: list[Run] = []

    def run(self) -> None:
        starts = time.monotonic()
        super().run()
        self.runs.append(Run(starts, time.monotonic()))

    def stop(self, purpose: OffClock) -> None:
        stops = time.monotonic()
        super().stop(purpose)
        if self.runs and self.runs[-1].stops == float("inf"):
            self.runs[-1].stops, self.runs[-1].stopped = stops, time.monotonic()


@dataclass
class Noted:
    """One trial: when its clock ran, and when the referee evaluated and kept checkpoints."""

    outcome: Outcome
    runs: list[Run]
    referee_worked: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def did(self, part: str) -> list[tuple[float, float]]:
        """When the submission was in one of its methods."""
        text = (self.outcome.folder / "log.txt").read_text()
        return [(float(begun), float(ended)) for begun, ended in re.findall(rf"^DID {part} (\S+) (\S+)$", text, re.M)]


@pytest.fixture
def noted(world: World, monkeypatch: pytest.MonkeyPatch) -> Noted:
    clocks: list[Noting] = []
    worked: dict[str, list[tuple[float, float]]] = {"evaluation": [], "checkpoint": []}

    def clock(cpu_s: Callable[[], float]) -> Noting:
        clocks.append(Noting(cpu_s))
        return clocks[-1]

    def noting(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            begun = time.monotonic()
            result = function(*arguments)
            worked[kind].append((begun, time.monotonic()))
            return result

        return call

    monkeypatch.setattr(referee, "Clock", clock)
    monkeypatch.setattr(Evaluator, "valid", noting("evaluation", Evaluator.valid))
    monkeypatch.setattr(Evaluator, "test", noting("evaluation", Evaluator.test))
    monkeypatch.setattr(CheckpointStore, "store", noting("checkpoint", CheckpointStore.store))
    outcome = world.run(TELLS, target=0.05, checkpoint_period_s=0.0)
    assert outcome.record.verdict == "reached", outcome.record.reason
    return Noted(outcome, clocks[0].runs, worked)


def test_what_the_submission_does_is_on_the_clock_and_what_the_referee_does_is_not(noted: Noted) -> None:
    for part in PARTS:
        done = noted.did(part)
        assert done, part
        for begun, ended in done:
            assert any(run.started <= begun <= ended <= run.stops for run in noted.runs), part
    for kind, done in noted.referee_worked.items():
        assert len(done) > 1, kind
        for begun, ended in done:
            assert not any(run.starts < ended and begun < run.stopped for run in noted.runs), kind
    record = noted.outcome.record
    assert sum(run.stops - run.started for run in noted.runs) <= record.time_s <= sum(run.stopped - run.starts for run in noted.runs)
    assert sum(ended - begun for begun, ended in noted.referee_worked["evaluation"]) <= record.evaluation_s
    assert record.time_s + record.startup_s + record.checkpoint_s + record.evaluation_s <= record.wall_s


def test_every_second_is_of_one_kind_and_all_kinds_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, cpu = [100.0], [0.0]
    monkeypatch.setattr("harness.trial.clock.time", SimpleNamespace(monotonic=lambda: now[0]))

    def pass_by(seconds: float, cpu_seconds: float) -> None:
        now[0] += seconds
        cpu[0] += cpu_seconds

    clock = Clock(lambda: cpu[0])
    clock.go_on_from(Reading(time_s=10.0, cpu_time_s=4.0, startup_s=3.0, checkpoint_s=2.0, evaluation_s=1.0, frozen_cpu_s=0.5, wall_s=16.0))
    pass_by(2.0, 1.5)
    clock.run()
    pass_by(4.0, 3.5)
    assert clock.time_s == 14.0
    clock.stop("checkpoint")
    pass_by(0.5, 0.25)
    clock.run()
    pass_by(1.0, 1.0)
    clock.stop("evaluation")
    pass_by(8.0, 0.0)
    assert clock.time_s == 15.0
    reading = clock.read()
    assert reading == Reading(
        time_s=15.0, cpu_time_s=8.5, startup_s=5.0, checkpoint_s=2.5, evaluation_s=9.0, frozen_cpu_s=0.75, wall_s=31.5
    )
    assert reading.time_s + reading.startup_s + reading.checkpoint_s + reading.evaluation_s == reading.wall_s


def test_background_work_stands_while_the_clock_stands(world: World) -> None:
    """A thread and a detached child work for ever."""
    code = """
        def setup(self):
            import subprocess, sys, threading
            super().setup()
            subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
            threading.Thread(target=self.work, daemon=True).start()

        def work(self):
            while True:
                pass
    """
    callback = StandsStill()
    outcome = world.run(code, target=0.12, callback=callback)
    assert outcome.record.verdict == "reached", outcome.record.reason
    assert callback.most_processes == 2
    assert len(callback.rows) > 2


def test_the_garbage_collector_works_and_leaves_alone_what_was_there_before(world: World) -> None:
    code = """
    def setup(self):
        import gc
        super().setup()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 100_000
        assert len(gc.get_objects()) < 0.1 * gc.get_freeze_count()
    """
    outcome = world.run(code, target=0.05)
    assert outcome.record.verdict == "reached", outcome.record.reason
