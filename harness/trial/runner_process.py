"""Starting the runner, and making sure that nothing of it is left."""

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from harness.trial.messages import Channel
from harness.trial.processes import Tree
from harness.trial.sandbox import PROJECT, Sandbox

# what the runner writes to scratch
PENDING, SWAPPED, RESTORED, PROGRESS = "pending", "swapped.safetensors", "restored.safetensors", "progress"
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "TMPDIR")


class RunnerProcess:
    """The runner's process, its tree and the channel to it. On leaving the context every process of the tree is dead."""

    def __init__(self, sandbox: Sandbox, scratch: Path, log: Path, threads: int) -> None:
        here, there = socket.socketpair()
        self._progress = scratch / PROGRESS
        self._out_of_memory_kills = _out_of_memory_kills()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*sandbox.command, sys.executable, "-m", "harness.trial.runner", str(there.fileno())],
                pass_fds=[there.fileno()],
                cwd=scratch,
                env=environment(threads),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        there.close()
        self.channel = Channel(here)
        self.tree = Tree(self.process.pid)

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tree.kill()
        self.process.wait()
        self.tree.reap()
        self.channel.close()

    def steps(self) -> int:
        """Returns the steps made so far as the runner counts them; for the display alone."""
        try:
            (steps,) = struct.unpack("<q", self._progress.read_bytes())
        except (OSError, struct.error):
            return 0
        return int(steps)

    def ended(self) -> bool:
        """Whether the runner's process has ended."""
        return self.process.poll() is not None

    def how_it_ended(self) -> tuple[bool, str]:
        """Returns whether memory was the cause, and in words how the runner's process ended by itself."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return False, "the runner closed its channel to the referee"
        number = -code if code < 0 else code - 128  # bwrap reports a signal as 128 more
        if number <= 0:
            return False, f"the runner's process ended by itself (exit code {code})"
        if _out_of_memory_kills() > self._out_of_memory_kills:
            return True, "the system killed the runner because memory ran out"
        return False, f"the runner's process was killed by signal {number}"

    def wait_for_end(self, timeout_s: float) -> bool:
        """Reads away what the runner still says; returns whether it ended within `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        try:
            while (left := deadline - time.monotonic()) > 0 and not self.ended():
                self.channel.receive(min(left, 0.2))
        except (EOFError, RuntimeError):
            return True
        return self.ended()


def environment(threads: int) -> dict[str, str]:
    """Returns the variables of a runner: only what it needs; nothing in them tells a submission what it trains."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    fixed = {"PYTHONPATH": str(PROJECT), "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    libraries = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    return kept | fixed | libraries


def _out_of_memory_kills() -> int:
    """Returns how often the kernel has killed a process for want of memory since boot."""
    try:
        with open("/proc/vmstat") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0
