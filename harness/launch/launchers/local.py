"""On this machine: one process, or several that take one trial after the other each."""

import time
from dataclasses import dataclass
from typing import Annotated, ClassVar

from harness.launch.launcher import Work, took
from harness.launch.launchers.debug import Debug
from harness.values.kinds import Whole

MAX_WORKERS = 1024


@dataclass(frozen=True)
class Local(Debug):
    """On this machine; more than one worker are so many job processes, each of which takes one trial after the other."""

    runs_here: ClassVar[bool] = True
    workers: Annotated[int, Whole(1, MAX_WORKERS), "job processes; a core or more for each, else they take time from each other"] = 1

    def launch(self, work: Work) -> str:
        """Runs the trials and returns how long they took."""
        if self.workers == 1:
            return super().launch(work)
        from harness.callbacks.panel import Panel
        from harness.launch.workers import run_in_workers

        began = time.monotonic()
        panel = Panel(work.console, work.total, work.total - len(work.due))
        totals = run_in_workers(work.due, work.ledger, self.workers, work.retries, work.log, panel)
        return took(time.monotonic() - began, totals.trials, totals.time_s, totals.wall_s)


LAUNCHER = Local
