"""Several watchers of one trial as one."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from harness.trial.record import Record, Row
from harness.trial.spec import TrialSpec
from harness.trial.watcher import Watcher


class Several(Watcher):
    """Passes on to several watchers, in their order."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def started(self, spec: TrialSpec) -> None:
        """The trial begins, or goes on."""
        for watcher in self._watchers:
            watcher.started(spec)

    def progress(self, step: int, time_s: float) -> None:
        """So many steps, so many seconds on the clock."""
        for watcher in self._watchers:
            watcher.progress(step, time_s)

    def evaluated(self, row: Row) -> None:
        """An evaluation was made."""
        for watcher in self._watchers:
            watcher.evaluated(row)

    def wants_checkpoint(self) -> bool:
        """Whether one of them wants it."""
        return any(watcher.wants_checkpoint() for watcher in self._watchers)

    def checkpointed(self) -> None:
        """A checkpoint is on disk."""
        for watcher in self._watchers:
            watcher.checkpointed()

    def ended(self, record: Record, folder: Path) -> None:
        """The verdict."""
        for watcher in self._watchers:
            watcher.ended(record, folder)


@contextmanager
def watched(display: Watcher, log: str, ledger: Path, console: Console) -> Iterator[Watcher]:
    """Yields a display together with the log that is asked for; closes both.

    Args:
        display: what the person at the keyboard sees.
        log: `csv`, which is the ledger's own and always written, or `wandb`.
        ledger: the folder that the trials lie in.
        console: gets one line when the log fails.
    """
    watchers = [display]
    if log == "wandb":
        from harness.log.wandb import WandbWatcher

        watchers.append(WandbWatcher(ledger, partial(console.print, soft_wrap=True, markup=False)))
    with ExitStack() as stack:
        for watcher in watchers:
            stack.callback(watcher.close)
        yield Several(watchers)
