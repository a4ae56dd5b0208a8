"""The runner's process tree, seen through /proc: found, stopped, counted, killed."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable

import psutil

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)
_STOPPED, _ENDED, _IN_KERNEL = "Tt", "ZX", "D"
CLEAN_LOOKS = 2
"""How often in a row all must be found stopped: processes that wake each other in turn can deceive one look."""


class StillRunning(RuntimeError):
    """Processes of the tree could not be stopped."""


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
        self._frozen: list[psutil.Process] = []

    def members(self) -> list[psutil.Process]:
        """Returns the living processes of the tree, those included whose first thread has ended and others not."""
        return [p for p in self._everyone() if any(state not in _ENDED for state in _thread_states(p.pid))]

    def _everyone(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for child in psutil.Process().children():
            if child.pid not in self._strangers:
                found[child.pid] = child
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.update((p.pid, p) for p in child.children(recursive=True))
        return list(found.values())

    def freeze(self) -> None:
        """Stops every process of the tree; on return no thread of them runs.

        Those that are in an uninterruptible wait are given 5 s; they stop before they return from it.

        Raises:
            StillRunning: some do not stop.
        """
        deadline, clean = time.monotonic() + 5, 0
        while clean < CLEAN_LOOKS:
            self._frozen = self.members()
            states = "".join(_thread_states(p.pid) for p in self._frozen)
            clean = clean + 1 if set(states) <= set(_STOPPED + _ENDED) else 0
            if time.monotonic() > deadline:
                if set(states) <= set(_STOPPED + _ENDED + _IN_KERNEL):
                    return
                raise StillRunning(f"{len(self._frozen)} processes could not be stopped within 5 s")
            _signal(self._frozen, signal.SIGSTOP)
            if not clean:
                time.sleep(0.0002)

    def thaw(self) -> None:
        """Lets those run on that `freeze` stopped; takes no look at the system, so that it is done at once."""
        _signal(self._frozen, signal.SIGCONT)
        self._frozen = []

    def kill(self) -> None:
        """Kills every process of the tree; on return none is left but zombies. One in an uninterruptible wait is given 5 s."""
        deadline = time.monotonic() + 5
        while (members := self.members()) and time.monotonic() < deadline:
            _signal(members, signal.SIGKILL)
            time.sleep(0.0002)

    def reap(self) -> None:
        """Waits for ended orphans, which nobody else would; the runner itself is its starter's to wait for."""
        for child in psutil.Process().children():
            if child.pid != self.root_pid and child.pid not in self._strangers:
                with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)

    def cpu_s(self) -> float:
        """Returns the CPU seconds used by the tree since its start, those of ended descendants included; never falls.

        Left out are those whose parent has asked the system to forget them (SIGCHLD ignored).
        """
        total = 0.0
        for process in self._everyone():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        self._cpu_s = max(self._cpu_s, total)
        return self._cpu_s

    def peak_memory_bytes(self) -> int:
        """Returns the sum over the tree's processes of their peak resident memory."""
        for process in self.members():
            self._memory[process.pid] = max(_status_bytes(process.pid, "status", "VmHWM:"), self._memory.get(process.pid, 0))
        return sum(self._memory.values())

    def memory_bytes(self, suspicious: int) -> int:
        """Returns the resident memory of all processes together; beyond `suspicious` what they share is counted once."""
        members = self.members()
        rough = sum(_status_bytes(p.pid, "status", "VmRSS:") for p in members)
        return rough if rough <= suspicious else sum(_status_bytes(p.pid, "smaps_rollup", "Pss:") for p in members)


def out_of_memory_kills() -> int:
    """Returns how often the kernel has killed a process for want of memory since boot."""
    try:
        with open("/proc/vmstat") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.send_signal(number)


def _thread_states(pid: int) -> str:
    """Returns one letter for each thread of a process (proc(5)), "" when there is no such process."""
    states = ""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/task/{thread}/stat") as file:
                states += file.read().rpartition(")")[2].split()[0]
    return states


def _status_bytes(pid: int, file_name: str, field: str) -> int:
    """Returns a field of a file of /proc/<pid> that is given in kB; 0 when the process or the field is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/{file_name}") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(field)), 0)
    return 0
