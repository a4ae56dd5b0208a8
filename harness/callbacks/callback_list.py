"""Several callbacks of one trial as one."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.trial.callback import TrialCallback


class CallbackList(TrialCallback):
    """Passes on to several watchers, in their order."""

    def __init__(self, callbacks: Sequence[TrialCallback]) -> None:
        self._callbacks = callbacks

    def on_start(self, spec: TrialSpec) -> None:
        """The trial begins, or goes on."""
        for callback in self._callbacks:
            callback.on_start(spec)

    def on_progress(self, step: int, time_s: float) -> None:
        """So many steps, so many seconds on the clock."""
        for callback in self._callbacks:
            callback.on_progress(step, time_s)

    def on_evaluation(self, row: Row) -> None:
        """An evaluation was made."""
        for callback in self._callbacks:
            callback.on_evaluation(row)

    def wants_checkpoint(self) -> bool:
        """Whether one of them wants it."""
        return any(callback.wants_checkpoint() for callback in self._callbacks)

    def on_checkpoint(self) -> None:
        """A checkpoint is on disk."""
        for callback in self._callbacks:
            callback.on_checkpoint()

    def on_end(self, record: Record, folder: Path) -> None:
        """The verdict."""
        for callback in self._callbacks:
            callback.on_end(record, folder)


@contextmanager
def with_callbacks(display: TrialCallback, log: str, ledger: Path, console: Console) -> Iterator[TrialCallback]:
    """Yields a display together with the log that is asked for; closes both.

    Args:
        display: what the person at the keyboard sees.
        log: `csv`, which is the ledger's own and always written, or `wandb`.
        ledger: the folder that the trials lie in.
        console: gets one line when the log fails.
    """
    callbacks = [display]
    if log == "wandb":
        from harness.callbacks.wandb import WandbCallback

        callbacks.append(WandbCallback(ledger, partial(console.print, soft_wrap=True)))
    with ExitStack() as stack:
        for callback in callbacks:
            stack.callback(callback.close)
        yield CallbackList(callbacks)
