"""Who runs a trial: one process at a time, on file systems without locks, too.

`lock.json` in the trial's folder names host, process and a token. It is created by `link`, which is atomic on NFS too, and a thread of the
holder touches it every few seconds (its heartbeat). A lock may be taken over when its process is gone (same host) or when it has not been
touched for a while (another host). A process that lost its lock, because it was suspended for minutes, say, finds out at its next heartbeat
and leaves without writing.
"""

import os
import socket
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec
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
    """The content of lock.json."""

    host: str
    pid: int
    started: float
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def lock_of(folder: Path) -> Path:
    """Returns the file that is the lock of a trial's (or a campaign's) folder."""
    return folder / "lock.json"


class TrialLock:
    """The lock of a trial's folder, held as a context.

    Raises:
        LockHeld: on entering, another process holds it; at a heartbeat, another process has taken it over.
    """

    def __init__(self, folder: Path) -> None:
        self._file = lock_of(folder)
        self._left = threading.Event()
        self._me = LockInfo(socket.gethostname(), os.getpid(), psutil.Process().create_time(), uuid.uuid4().hex)

    def __enter__(self) -> "TrialLock":
        temporary = self._file.with_name(f".lock.{self._me.token}")
        temporary.write_bytes(msgspec.json.encode(self._me))
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
        """Shows that this process lives; raises LockHeld when the trial is somebody else's by now."""
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
        """Moves the file of a dead owner out of the way; raises LockHeld when its owner lives."""
        if holder is not None and is_alive(holder, self._file, now=temporary):
            raise LockHeld(f"{self._file.parent} is being run by {holder}: wait for it, or end it and start again")
        stale = self._file.with_name(f".lock.{self._me.token}.dead")
        with suppress(FileNotFoundError):
            os.rename(self._file, stale)
            if read_lock(stale) != holder:  # somebody else took over in between: what was moved away is theirs
                with suppress(FileExistsError):
                    os.link(stale, self._file)
            stale.unlink()


def holder_of(folder: Path) -> LockInfo | None:
    """Returns who runs a trial at this moment, or None."""
    holder = read_lock(lock_of(folder))
    return holder if holder is not None and is_alive(holder, lock_of(folder)) else None


def read_lock(file: Path) -> LockInfo | None:
    """Returns who holds a trial, or None."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=LockInfo)
    except (OSError, msgspec.DecodeError):
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
