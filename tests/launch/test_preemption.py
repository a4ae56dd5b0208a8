"""Signals to a job end its trial as Ctrl-C does: after a checkpoint, or at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.launch.preemption import PreemptionHandler
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.ledger.spec import TrialSpec
from harness.trial.referee import run_trial
from tests.conftest import Silent, World

LONG = 60.0


def wait(condition: Callable[[], bool]) -> None:
    """Waits in small steps: between them the handler runs of a signal that another thread of the test's process was given."""
    deadline = time.monotonic() + LONG
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


class Signals(Silent):
    """A watcher that sends this process a signal after an evaluation, and counts those after it."""

    def __init__(self, notice: PreemptionHandler, number: int) -> None:
        super().__init__()
        self.notice, self.number = notice, number

    def on_start(self, spec: TrialSpec) -> None:
        self.notice.on_start(spec)

    def on_evaluation(self, row: object) -> None:
        super().on_evaluation(row)
        if len(self.rows) == 2:
            os.kill(os.getpid(), self.number)
            wait(lambda: self.notice.came)

    def wants_checkpoint(self) -> bool:
        return self.notice.wants_checkpoint()

    def on_checkpoint(self) -> None:
        self.notice.on_checkpoint()


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_trial_that_is_told_to_stop_goes_on_later(world: World, number: int) -> None:
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    with pytest.raises(KeyboardInterrupt), PreemptionHandler(lambda: LONG) as notice:
        run_trial(spec, folder, world.cache, Signals(notice, number))
    assert read_record(folder) is None
    assert len(read_rows(folder / "evals.csv")) == 2
    assert not (folder / "lock.json").exists()
    record = run_trial(spec, folder, world.cache, Silent())
    assert record.verdict == "reached"
    assert len(record.segments) == 2
    assert record.segments[1].first_evaluation == (2 if number == signal.SIGUSR2 else 0)


def test_without_a_checkpoint_in_sight_patience_ends() -> None:
    with PreemptionHandler(lambda: 0.1) as notice:
        os.kill(os.getpid(), signal.SIGUSR2)
        with pytest.raises(KeyboardInterrupt):
            wait(lambda: False)
    assert notice.came


def test_a_second_signal_does_not_disturb_the_end() -> None:
    with PreemptionHandler(lambda: LONG):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR2)


def test_children_do_not_die_of_the_notice() -> None:
    with PreemptionHandler(lambda: LONG) as notice:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.send_signal(signal.SIGUSR2)
        child.communicate(b"\n")
        assert child.returncode == 0
        assert not notice.came


def test_everything_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    threads = threading.active_count()
    with PreemptionHandler(lambda: LONG):
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_a_trial_that_is_met_is_not_stopped(world: World, tmp_path: Path) -> None:
    spec = world.spec(target=1e9)
    with PreemptionHandler(lambda: LONG) as notice:
        notice.came = True
        record = run_trial(spec, spec.folder(tmp_path / "ledger"), world.cache, notice)
    assert record.verdict == "reached"
