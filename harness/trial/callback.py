"""Callbacks of a trial: displays and logs that follow it, and the rule that may stop it."""

from collections.abc import Callable
from pathlib import Path

from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec

StopRule = Callable[[TrialSpec, Row | None], str | None]
"""Returns after an evaluation (None: before the first one) why a trial need not go on, or None while it must."""


class TrialCallback:
    """Follows a trial. Nothing that counts depends on it; every method does nothing by default."""

    def wants_checkpoint(self) -> bool:
        """Whether a checkpoint should be made as soon as possible, because this process has been told that it will end."""
        return False

    def on_start(self, spec: TrialSpec) -> None:
        """The trial starts, or goes on from a checkpoint."""

    def on_progress(self, step: int, time_s: float) -> None:
        """Called twice a second with the number of steps and the seconds on the clock."""

    def on_evaluation(self, row: Row) -> None:
        """An evaluation has been made."""

    def on_checkpoint(self) -> None:
        """A checkpoint is on disk."""

    def on_end(self, record: Record, folder: Path) -> None:
        """The trial has its verdict."""

    def close(self) -> None:
        """No further call follows."""


def never_stop(spec: TrialSpec, row: Row | None) -> None:
    """The stop rule of a trial outside any race."""
