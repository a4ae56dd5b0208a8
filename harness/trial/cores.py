"""The processor cores of a trial: so many as it has threads, and none that another trial of this machine computes on."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from harness.errors import UserError


@dataclass(frozen=True)
class Cores:
    """The cores that a trial holds."""

    numbers: tuple[int, ...]

    @contextlib.contextmanager
    def pinned(self) -> Iterator[None]:
        """A context in which this thread is on the cores, and with it whatever it starts; a started process stays there."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.numbers)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


@contextlib.contextmanager
def hold_cores(wanted: int, folder: Path | None = None) -> Iterator[Cores]:
    """Holds so many cores, or all that this process may use if they are fewer, while the context lasts.

    Free cores come first, then those that the fewest other trials hold. It never waits. A trial that is killed gives its cores back.

    Args:
        wanted: number of threads of all ranks of the trial on this machine.
        folder: where trials that must know of each other lock their cores; by default one for each user in the folder for temporary files.

    Raises:
        UserError: the folder cannot be written, or is somebody else's.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"finishline-cores-{os.getuid()}"
    allowed = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as locks:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                raise PermissionError(1, "it belongs to somebody else")
            numbers = _take(min(wanted, len(allowed)), allowed, folder, locks)
        except OSError as error:
            raise UserError(
                f"{folder}, where trials lock their cores, cannot be used ({error.strerror}): remove it, or set TMPDIR"
            ) from None
        yield Cores(tuple(sorted(numbers)))


def _take(wanted: int, allowed: list[int], folder: Path, locks: contextlib.ExitStack) -> list[int]:
    """Locks cores in turns: in turn n those that n others hold, so that the ones with the fewest holders come first."""
    taken: list[int] = []
    for turn in count():
        for core in allowed:
            if len(taken) == wanted:
                return taken
            if core not in taken and (lock := _lock(folder / f"core-{core}-{turn}")) is not None:
                locks.callback(os.close, lock)
                taken.append(core)
    raise AssertionError


def _lock(path: Path) -> int | None:
    """Returns a descriptor that holds the lock of a file, None if another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
