"""Starting the runner, and making sure that nothing of it is left."""

import contextlib
import mmap
import os
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import psutil

from harness.trial.cgroup import ControlGroup, delegated
from harness.trial.cores import hold_cores
from harness.trial.memory_file import memory_file
from harness.trial.messages import MAX_STEPS, Channel, FromRunner
from harness.trial.processes import Tree, out_of_memory_kills
from harness.trial.sandbox import SCRATCH, Sandbox

LOG_BYTES = 16 << 20
start = subprocess.Popen
"""Starts a runner; tests put a fork server here, which saves them the imports."""
MIN_FREE_MEMORY = 0.02
"""What must be left of the machine's memory, as a fraction."""
SEND_TIMEOUT_S = 10.0


class RunnerProcess:
    """The runner's process, its tree and the channel to it. On leaving the context every process of the tree is dead."""

    def __init__(self, sandbox: Sandbox, log: Path, threads: int, ranks: int) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.settimeout(SEND_TIMEOUT_S)
        self.step_counter = memory_file("steps")
        os.ftruncate(self.step_counter, mmap.PAGESIZE)
        self._out_of_memory_kills = out_of_memory_kills()
        parent = delegated()
        self._group = ControlGroup(parent) if parent is not None else None
        self._folder = tempfile.mkdtemp(prefix="finishline-") if sandbox.mode == "none" else None
        self.scratch = self._folder or str(SCRATCH)
        self._cores = contextlib.ExitStack()
        cores = self._cores.enter_context(hold_cores(threads * ranks))
        with sandbox, cores.pinned():
            self.process = start(
                [*sandbox.command, "-m", "harness.trial.runner_main", str(there.fileno())],
                pass_fds=[*sandbox.pass_fds, there.fileno()],
                cwd=self._folder or "/",
                env=environment(threads, sandbox.variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._group.join if self._group is not None else None,
            )
        assert self.process.stdout is not None
        there.close()
        log.touch()
        self._log = threading.Thread(target=_keep_log, args=(self.process.stdout.fileno(), log), daemon=True)
        self._log.start()
        self.channel: Channel[FromRunner] = Channel(here, FromRunner)
        self.tree = Tree(self.process.pid, self._group)
        sandboxed = sandbox.mode != "none"
        self.cpu_clock = "cgroup" if self._group is not None else "proc" if sandboxed else "partial"

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tree.kill()  # defence: the tree is killed
        self.process.wait()
        self.tree.reap()
        self._log.join(timeout=5)
        if not self._log.is_alive() and self.process.stdout is not None:
            self.process.stdout.close()
        self.channel.close()
        os.close(self.step_counter)
        self._cores.close()
        if self._group is not None:
            self._group.close()
        if self._folder is not None:
            subprocess.run(["rm", "-rf", "--", self._folder], check=False)  # however deep it is

    def steps(self) -> int:
        """Returns the steps made so far as the runner counts them; for the display alone."""
        try:
            (steps,) = struct.unpack("<q", os.pread(self.step_counter, 8, 0))
        except struct.error:
            return 0
        return min(max(int(steps), 0), MAX_STEPS)

    def memory_trouble(self, memory_bytes: int) -> str | None:
        """Returns in words why the runner must end for want of memory, or None: its processes take too much, or nothing is left."""
        taken = self.tree.memory_bytes(suspicious=memory_bytes)
        if taken > memory_bytes:
            return f"its processes took {taken / 2**30:.1f} GiB of memory together, {memory_bytes / 2**30:.1f} GiB may be"
        machine = psutil.virtual_memory()
        if machine.available < MIN_FREE_MEMORY * machine.total:
            return f"of the machine's memory only {machine.available / 2**30:.1f} GiB were left"
        return None

    def ended(self) -> bool:
        """Whether the runner's process has ended."""
        return self.process.poll() is not None

    def receive(self, timeout_s: float) -> FromRunner | None:
        """Returns the next message, None when none came in time.

        Raises:
            EOFError: the runner has ended, and all that it sent has been read.
        """
        message = self.channel.receive(timeout_s)
        if message is None and self.ended():
            message = self.channel.receive(timeout_s=0)
            if message is None:
                raise EOFError
        return message

    def how_it_ended(self) -> tuple[bool, str]:
        """Returns whether memory was the cause, and in words how the runner's process ended by itself."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return False, "the runner closed its channel to the referee"
        number = -code if code < 0 else code - 128  # bwrap reports a signal as 128 more
        if number <= 0:
            return False, f"the runner's process ended by itself (exit code {code})"
        if out_of_memory_kills() > self._out_of_memory_kills:
            return True, "the system killed the runner because memory ran out"
        return False, f"the runner's process was killed by signal {number}"


def _keep_log(source: int, path: Path) -> None:
    """Copies what the runner prints to its log, up to `LOG_BYTES`; the runner has no descriptor of the file. Goes on on a full disk."""
    kept = path.stat().st_size
    while printed := os.read(source, 65536):
        if kept < LOG_BYTES:
            kept += len(printed)  # defence: the log is cut
            with contextlib.suppress(OSError), path.open("ab") as file:
                file.write(printed if kept < LOG_BYTES else b"\n... and more, which was not kept\n")


def environment(threads: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of a runner: those of its sandbox and what it needs; nothing in them tells a submission what it trains."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    libraries = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    return {**variables, **fixed, **libraries}
