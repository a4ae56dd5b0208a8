"""Who runs a trial: one process at a time, on file systems without locks, too.

`owner.json` in the trial's folder names host, process and a token; it comes into being by `link`, which is atomic also on NFS, and a thread
of its owner touches it every few seconds. It may be taken over when its process is gone (same host) or it has not been touched for a while
(another host). A process that lost its ownership (it was suspended for minutes, say) finds out at its next beat and leaves without writing.
"""

import json
import os
import socket
import threading
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import psutil

from harness.errors import UserError

HEARTBEAT_S = 10.0
STALE_S = 60.0
_held: set[str] = set()
"""Tokens of this process: a file of its own that it could not remove (the disk turned read-only) keeps it from nothing."""


class LockHeld(UserError):
    """Another process runs this trial; the message names it."""


@dataclass(frozen=True)
class LockInfo:
    """The content of owner.json."""

    host: str
    pid: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class TrialLock:
    """Ownership of a trial's folder, held as a context.

    Raises:
        Taken: on entering, somebody else runs the trial; at a beat, somebody has taken it over.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "owner.json"
        self._left = threading.Event()
        self._me = LockInfo(socket.gethostname(), os.getpid(), psutil.Process().create_time(), uuid.uuid4().hex)

    def __enter__(self) -> "TrialLock":
        temporary = self._file.with_name(f".owner.{self._me.token}")
        temporary.write_text(json.dumps(asdict(self._me)))
        try:
            while not self._link(temporary):
                self._take_from(read_lock(self._file), temporary)
        finally:
            temporary.unlink()
        _held.add(self._me.token)
        threading.Thread(target=self._keep_alive, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._left.set()
        _held.discard(self._me.token)
        if read_lock(self._file) == self._me:
            self._file.unlink(missing_ok=True)

    def heartbeat(self) -> None:
        """Shows that this process lives; raises Taken when the trial is somebody else's by now."""
        holder = read_lock(self._file)
        if holder != self._me:
            raise LockHeld(f"{self._file.parent} was taken over by {holder or 'somebody'}")
        os.utime(self._file)

    def _keep_alive(self) -> None:
        while not self._left.wait(HEARTBEAT_S):
            with suppress(LockHeld, OSError):
                self.heartbeat()

    def _link(self, temporary: Path) -> bool:
        try:
            os.link(temporary, self._file)
        except FileExistsError:
            return False
        return True

    def _take_from(self, holder: LockInfo | None, temporary: Path) -> None:
        """Moves the file of a dead owner out of the way; raises Taken when its owner lives."""
        if holder is not None and is_alive(holder, self._file, now=temporary):
            raise LockHeld(f"{self._file.parent} is being run by {holder}: wait for it, or end it and start again")
        stale = self._file.with_name(f".owner.{self._me.token}.dead")
        with suppress(FileNotFoundError):
            os.rename(self._file, stale)
            if read_lock(stale) != holder:  # somebody else took over in between: what was moved away is theirs
                with suppress(FileExistsError):
                    os.link(stale, self._file)
            stale.unlink()


def read_lock(file: Path) -> LockInfo | None:
    """Returns who holds a trial, or None."""
    try:
        return LockInfo(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(holder: LockInfo, file: Path, now: Path | None = None) -> bool:
    """Whether the holder runs: its process is there (same host), or it has touched its file within the last minute.

    `now` is a file that has just been written beside it: on a network file system its time, and not this host's, is to be compared with.
    """
    if holder.host == socket.gethostname():
        if holder.pid == os.getpid():
            return holder.token in _held
        try:
            return abs(psutil.Process(holder.pid).create_time() - holder.started) < 1.0
        except psutil.NoSuchProcess:
            return False
    try:
        reference = now or file.parent
        return reference.stat().st_mtime - file.stat().st_mtime < STALE_S
    except OSError:
        return False
