"""Whether a trial's processes stand while the clock stands, seen from outside: none of them gets onto a processor."""

import time
from pathlib import Path

import psutil

from harness.ledger.rows import Row
from tests.conftest import Silent
from tests.trial.conftest import living_children

WORKS_S = 0.02
"""Processor seconds: several turns of the scheduler, so that what does not stand gets one of them."""


class StandsStill(Silent):
    """A watcher that works at each evaluation, and sees whether any process of the trial worked meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.strangers = living_children()
        self.most_processes = 0

    def on_evaluation(self, row: Row) -> None:
        super().on_evaluation(row)
        family = living_children() - self.strangers
        self.most_processes = max(self.most_processes, len(family))
        before = {process.pid: run_ns(process) for process in family}
        begun = time.thread_time()
        while time.thread_time() < begun + WORKS_S:
            pass
        assert {process.pid: run_ns(process) for process in family} == before


def run_ns(process: psutil.Process) -> int:
    """The nanoseconds that all threads of a process have been on a processor."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
