"""In this process, one trial after the other."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.launch.launcher import Work, took
from harness.ledger.spec import TrialSpec


@dataclass(frozen=True)
class Debug:
    """In this process, one trial after the other."""

    runs_here: ClassVar[bool] = True

    def must_fit(self, due: Sequence[TrialSpec]) -> None:
        """Takes any trial."""

    def preview(self, due: Sequence[TrialSpec], ledger: Path) -> str:
        """Has nothing to say."""
        return ""

    def launch(self, work: Work) -> str:
        """Runs the trials and returns how long they took."""
        from harness.callbacks.callback_list import with_callbacks
        from harness.callbacks.display import Display
        from harness.data import cache_root
        from harness.launch.local import run_due

        began = time.monotonic()
        display = Display(work.console, work.total, work.total - len(work.due))
        with with_callbacks(display, work.log, work.ledger, work.console) as callback:
            totals = run_due(work.due, work.ledger, cache_root(), callback, work.retries)
        return took(time.monotonic() - began, totals.trials, totals.time_s, totals.wall_s)


LAUNCHER = Debug
