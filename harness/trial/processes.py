"""The runner's process tree: freezes it, counts its processor time, kills it. Uses a control group where one can be made, else signals
and /proc.

Without a control group, no process of the tree may wake a stopped one or discard the processor time of a child; the sandbox's system call
filter (`harness.trial.confine`) prevents both. `sandbox=none` promises neither.
"""

import contextlib
import ctypes
import os
import resource
import signal
import time
from collections.abc import Iterable

import psutil

from harness.trial.cgroup import ControlGroup, StillRunning

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)
_STOPPED, _ENDED, _IN_KERNEL = "Tt", "ZX", "D"
STOP_TIMEOUT_S, KILL_TIMEOUT_S = 5.0, 5.0
SCAN_PAUSE_S = 0.0002
CLEAN_SCANS = 2
"""Scans in a row that must find every process stopped: a process forked during one scan is seen by the next."""


def adopt_orphans() -> None:
    """Makes this process the parent of any orphan below it, so that a runner's detached children stay in its tree (Linux prctl)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent ends, also while it is stopped (Linux prctl)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Tree:
    """All processes that descend from one trial's runner, orphans included, which this process adopts.

    Children that this process had before the runner (`root_pid`) do not belong to the tree, and it must start none of its own while the
    tree lives. With a control group, which the runner must be in, the group is frozen, counted and killed instead.
    """

    def __init__(self, root_pid: int, group: ControlGroup | None = None) -> None:
        self.root_pid = root_pid
        self._group = group
        self._strangers = {child.pid for child in psutil.Process().children()} - {root_pid}
        self._cpu_s, self._reaped_s = 0.0, _reaped_s()
        self._memory: dict[int, int] = {}
        self._stopped: dict[psutil.Process, dict[str, int]] = {}

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
        if self._group is not None:
            self._group.freeze()
            return
        deadline, clean = time.monotonic() + STOP_TIMEOUT_S, 0
        while clean < CLEAN_SCANS:
            members = self.members()
            states = "".join(_thread_states(p.pid) for p in members)
            clean = clean + 1 if set(states) <= set(_STOPPED + _ENDED) else 0
            if time.monotonic() > deadline:
                if set(states) <= set(_STOPPED + _ENDED + _IN_KERNEL):
                    break
                raise StillRunning(f"{len(members)} processes could not be stopped within {STOP_TIMEOUT_S:g} s")
            _signal(members, signal.SIGSTOP)
            if not clean:
                time.sleep(SCAN_PAUSE_S)
        self._stopped = {p: _stopped_threads(p.pid) for p in members}

    def thaw(self) -> None:
        """Lets those run on that `freeze` stopped.

        Raises:
            StillRunning: some thread ran meanwhile, if only for a nanosecond.
        """
        if self._group is not None:
            self._group.thaw()
            return
        for process, before in self._stopped.items():
            now = _run_times(process.pid)
            if any(now.get(thread, ns) != ns for thread, ns in before.items()):  # defence: who was woken is found
                raise StillRunning(f"process {process.pid} ran on while the clock stood")
        _signal(self._stopped, signal.SIGCONT)
        self._stopped = {}

    def kill(self) -> None:
        """Kills every process of the tree; on return none is left but zombies. One in an uninterruptible wait is given 5 s."""
        if self._group is not None:
            self._group.kill()
        deadline = time.monotonic() + KILL_TIMEOUT_S
        while (members := self.members()) and time.monotonic() < deadline:
            _signal(members, signal.SIGKILL)
            time.sleep(SCAN_PAUSE_S)

    def reap(self) -> None:
        """Waits for ended orphans, which nobody else would; the runner itself is its starter's to wait for."""
        for child in psutil.Process().children():
            if child.pid != self.root_pid and child.pid not in self._strangers:
                with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)

    def cpu_s(self) -> float:
        """Returns the CPU seconds used by the tree since its start, those of ended descendants included; never falls.

        Without a control group those are left out whose parent has asked the system to forget them (SIGCHLD ignored).
        """
        if self._group is not None:
            return self._group.cpu_s()
        total = _reaped_s() - self._reaped_s
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


def _reaped_s() -> float:
    """Returns the CPU seconds of all ended processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    return "".join(map(_state, _thread_files(pid, "stat").values()))


def _state(stat: str) -> str:
    """Returns the state in the text of a stat file."""
    return stat.rpartition(")")[2].split()[0]


def _run_times(pid: int) -> dict[str, int]:
    """Returns the nanoseconds that each thread of a process has been on a processor."""
    return {thread: int(text.split()[0]) for thread, text in _thread_files(pid, "schedstat").items()}


def _stopped_threads(pid: int) -> dict[str, int]:
    """Returns the same for the threads that are stopped: one that waits in the kernel may still finish its system call there."""
    stopped = {thread for thread, text in _thread_files(pid, "stat").items() if _state(text) in _STOPPED}
    return {thread: ns for thread, ns in _run_times(pid).items() if thread in stopped}


def _thread_files(pid: int, name: str) -> dict[str, str]:
    """Returns what a file of /proc says for each thread of a process; nothing when there is no such process."""
    texts = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/{name}") as file:
                texts[thread] = file.read()
    return {thread: text for thread, text in texts.items() if text}


def _status_bytes(pid: int, file_name: str, field: str) -> int:
    """Returns a field of a file of /proc/<pid> that is given in kB; 0 when the process or the field is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/{file_name}") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(field)), 0)
    return 0
