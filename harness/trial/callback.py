"""Who looks on while a trial runs: for a display, and to say when it need not go on."""

from collections.abc import Callable
from pathlib import Path

from harness.ledger.record import Record, Row
from harness.ledger.spec import TrialSpec

Race = Callable[[TrialSpec, Row | None], str | None]
"""Says after an evaluation (or before the first, with None) why a trial need not go on, or None while it must."""


class TrialCallback:
    """Is told how a trial goes, for a display; nothing that counts depends on it. Every method does nothing here."""

    def wants_checkpoint(self) -> bool:
        """Whether a checkpoint shall be made as soon as possible, since the end of this process was announced."""
        return False

    def on_start(self, spec: TrialSpec) -> None:
        """The trial begins, or goes on."""

    def on_progress(self, step: int, time_s: float) -> None:
        """So many steps, so many seconds on the clock; twice a second."""

    def on_evaluation(self, row: Row) -> None:
        """An evaluation was made."""

    def on_checkpoint(self) -> None:
        """A checkpoint is on disk."""

    def on_end(self, record: Record, folder: Path) -> None:
        """The verdict."""

    def close(self) -> None:
        """Nothing more will be told."""


def alone(spec: TrialSpec, row: Row | None) -> None:
    """The race of a trial that has no rivals."""
