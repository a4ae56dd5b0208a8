"""A control group (cgroup v2) of its own for a runner: frozen by the kernel, its processor time counted by the kernel.

Works where this process may make a group below its own: as root, in a user session of systemd, in a Slurm job whose group is delegated.
Nothing in the group can thaw itself or leave it, and the time of children that ended is in `cpu.stat` whoever waited for them.
"""

import contextlib
import functools
import os
import re
import select
import signal
import subprocess
import time
import uuid
from pathlib import Path

import psutil

FREEZE_TIMEOUT_S = 5.0
PREFIX = "finishline-"


class StillRunning(RuntimeError):
    """Processes could not be stopped, or ran while they should have stood; the message says which."""


class ControlGroup:
    """A new control group; empty until a process joins it. Used as a context, it is removed at the end.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Path) -> None:
        self._path = parent / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._path.mkdir()
        self._procs = os.open(self._path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)

    def join(self, pid: int = 0) -> None:
        """Moves a process into the group, by default the calling one: for use between fork and exec."""
        os.write(self._procs, str(pid).encode())

    def freeze(self) -> None:
        """Stops everything in the group; on return nothing of it runs.

        Raises:
            StillRunning: something did not stop in time.
        """
        self._write("cgroup.freeze", "1")
        with (self._path / "cgroup.events").open() as events:
            poll = select.poll()
            poll.register(events, select.POLLPRI)
            deadline = time.monotonic() + FREEZE_TIMEOUT_S
            while "frozen 1" not in events.read():
                if (left_s := deadline - time.monotonic()) <= 0:
                    raise StillRunning(f"its processes could not be stopped within {FREEZE_TIMEOUT_S:g} s")
                poll.poll(left_s * 1000)
                events.seek(0)

    def thaw(self) -> None:
        """Lets everything in the group run on."""
        self._write("cgroup.freeze", "0")

    def kill(self) -> None:
        """Kills everything in the group, also what is frozen and what is being forked."""
        with contextlib.suppress(OSError):  # Linux 5.14 has cgroup.kill; before it the freezer keeps processes from forking meanwhile
            self._write("cgroup.kill", "1")
            return
        self._write("cgroup.freeze", "1")
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.thaw()

    def pids(self) -> list[int]:
        """Returns the processes in the group."""
        return [int(pid) for pid in (self._path / "cgroup.procs").read_text().split()]

    def cpu_s(self) -> float:
        """Returns the CPU seconds of everything that ever ran in the group."""
        text = (self._path / "cpu.stat").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("usage_usec ")) / 1e6

    def close(self) -> None:
        """Removes the group, which must be empty; one that is not goes with a later trial."""
        os.close(self._procs)
        with contextlib.suppress(OSError):
            self._path.rmdir()

    def _write(self, file: str, text: str) -> None:
        (self._path / file).write_text(text)


@functools.cache
def delegated() -> Path | None:
    """Returns a folder in which this process can make groups that others can join, freeze and be counted in; None where there is none.

    Removes empty groups that trials left behind whose referee was killed.
    """
    parent = _own_group()
    if parent is None:
        return None
    for group_folder in parent.glob(f"{PREFIX}*"):
        if not psutil.pid_exists(int(group_folder.name.split("-")[1])):
            with contextlib.suppress(OSError):
                group_folder.rmdir()
    try:
        group = ControlGroup(parent)
    except OSError:
        return None
    try:
        subprocess.run(["true"], preexec_fn=group.join, check=True)
        group.freeze()
        group.thaw()
        group.cpu_s()
    except (OSError, subprocess.SubprocessError, StillRunning, StopIteration):
        return None
    finally:
        group.close()
    return parent


def _own_group() -> Path | None:
    """Returns the folder of the cgroup v2 that this process is in."""
    try:
        own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        mounts = Path("/proc/self/mountinfo").read_text()
    except (OSError, StopIteration):
        return None
    mounted = re.search(r"^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 ", mounts, re.MULTILINE)
    if mounted is None:
        return None
    root, point = mounted.groups()
    relative = os.path.relpath(own, root)
    return None if relative.startswith("..") else Path(point) / relative
