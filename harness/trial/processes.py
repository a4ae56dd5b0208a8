"""The runner's process tree, seen through /proc: found, stopped, counted, killed."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Makes this process the parent of any orphan below it, so that a runner's detached children stay in its tree (Linux prctl)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent ends, also while it is stopped (Linux prctl)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Tree:
    """All processes that came from one trial's runner: its descendants, and orphans that were handed to this process since.

    Children that this process had before the runner (`root_pid`) are not of the tree; it must start none of its own while the tree lives.
    """

    def __init__(self, root_pid: int) -> None:
        self.root_pid = root_pid
        self._strangers = {child.pid for child in psutil.Process().children()} - {root_pid}
        self._cpu_s = 0.0
        self._memory: dict[int, int] = {}

    def members(self) -> list[psutil.Process]:
        """Returns the living processes of the tree."""
        found: dict[int, psutil.Process] = {}
        for child in psutil.Process().children():
            if child.pid not in self._strangers:
                found[child.pid] = child
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.update((p.pid, p) for p in child.children(recursive=True))
        return [p for p in found.values() if _alive(p)]

    def freeze(self) -> None:
        """Stops every process of the tree; on return none of them runs."""
        self._signal_all(signal.SIGSTOP, lambda p: p.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))

    def thaw(self) -> None:
        """Lets the tree run on."""
        for process in self.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kills every process of the tree; on return none is left but zombies."""
        self._signal_all(signal.SIGKILL, lambda p: False)

    def reap(self) -> None:
        """Waits for ended orphans, which nobody else would; the runner itself is its starter's to wait for."""
        for child in psutil.Process().children():
            if child.pid != self.root_pid and child.pid not in self._strangers:
                with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)

    def cpu_s(self) -> float:
        """Returns the CPU seconds used by the tree since its start, those of ended and waited-for descendants included; never falls."""
        total = 0.0
        for process in self.members():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        self._cpu_s = max(self._cpu_s, total)
        return self._cpu_s

    def peak_memory_bytes(self) -> int:
        """Returns the sum over the tree's processes of their peak resident memory."""
        for process in self.members():
            with contextlib.suppress(OSError, ValueError):
                self._memory[process.pid] = max(_peak_resident_bytes(process.pid), self._memory.get(process.pid, 0))
        return sum(self._memory.values())

    def _signal_all(self, number: int, settled: Callable[[psutil.Process], bool]) -> None:
        """Signals until a look at the tree finds nobody new and nobody unsettled; a process in an uninterruptible wait is given 5 s."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            unsettled = [p for p in self.members() if not _is(settled, p)]
            if not unsettled:
                return
            for process in unsettled:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            time.sleep(0.0002)


def _is(settled: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return settled(process)
    except psutil.NoSuchProcess:
        return True


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _peak_resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
