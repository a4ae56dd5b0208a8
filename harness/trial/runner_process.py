"""Starting the runner, and making sure that nothing of it is left."""

import contextlib
import math
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import psutil

from harness.trial.messages import Channel, Failed, Message, Paused, ProtocolError, Written
from harness.trial.processes import Tree, out_of_memory_kills
from harness.trial.sandbox import Sandbox

# what the runner writes to scratch
PENDING, SWAPPED, RESTORED, PROGRESS = "pending", "swapped.safetensors", "restored.safetensors", "progress"
LOG_BYTES = 16 << 20
SCRATCH_SHARE, SCRATCH_FILES = 0.5, 10_000
"""A runner may fill half of what was free on the disk of its scratch, with so many files and folders."""
LEAST_FREE_MEMORY = 0.02
MOST_STEPS, MOST_REASON = 10**8, 1000
SEND_S = 10.0


class RunnerProcess:
    """The runner's process, its tree and the channel to it. On leaving the context every process of the tree is dead."""

    def __init__(self, sandbox: Sandbox, scratch: Path, log: Path, threads: int) -> None:
        here, there = socket.socketpair()
        here.settimeout(SEND_S)
        self._scratch, self._scratch_bytes = scratch, int(SCRATCH_SHARE * psutil.disk_usage(str(scratch)).free)
        self._progress = os.open(scratch / PROGRESS, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC)
        self._out_of_memory_kills = out_of_memory_kills()
        with sandbox:
            self.process = subprocess.Popen(
                [*sandbox.command, "-m", "harness.trial.runner_main", str(there.fileno())],
                pass_fds=[*sandbox.pass_fds, there.fileno()],
                cwd=scratch,
                env=environment(threads, sandbox.variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        there.close()
        log.touch()
        self._log = threading.Thread(target=_keep_log, args=(self.process.stdout.fileno(), log), daemon=True)
        self._log.start()
        self.channel = RefereesEnd(here)
        self.tree = Tree(self.process.pid)

    def __enter__(self) -> "RunnerProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tree.kill()
        self.process.wait()
        self.tree.reap()
        self._log.join(timeout=5)
        if not self._log.is_alive() and self.process.stdout is not None:
            self.process.stdout.close()
        self.channel.close()
        os.close(self._progress)

    def steps(self) -> int:
        """Returns the steps made so far as the runner counts them; for the display alone. What is at the file's name now is not opened."""
        try:
            (steps,) = struct.unpack("<q", os.pread(self._progress, 8, 0))
        except struct.error:
            return 0
        return min(max(int(steps), 0), MOST_STEPS)

    def memory_trouble(self, memory_bytes: int) -> str | None:
        """Returns in words why the runner must end for want of memory, or None: its processes take too much, or nothing is left."""
        taken = self.tree.memory_bytes(suspicious=memory_bytes)
        if taken > memory_bytes:
            return f"its processes took {taken / 2**30:.1f} GiB of memory together, {memory_bytes / 2**30:.1f} GiB may be"
        machine = psutil.virtual_memory()
        if machine.available < LEAST_FREE_MEMORY * machine.total:
            return f"of the machine's memory only {machine.available / 2**30:.1f} GiB were left"
        return None

    def scratch_trouble(self) -> str | None:
        """Returns in words why scratch is too full, or None."""
        size = files = 0
        folders = [self._scratch]
        while folders:
            with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
                for entry in entries:
                    files += 1
                    if files > SCRATCH_FILES:
                        return f"it left more than {SCRATCH_FILES} files in scratch"
                    with contextlib.suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
        if size > self._scratch_bytes:
            return f"it wrote {size >> 20} MiB to scratch, {self._scratch_bytes >> 20} MiB may be there"
        return None

    def ended(self) -> bool:
        """Whether the runner's process has ended."""
        return self.process.poll() is not None

    def receive(self, timeout_s: float) -> Message | None:
        """Returns the next message, None when none came in time.

        Raises:
            EOFError: the runner has ended, and all that it said has been read.
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

    def wait_for_end(self, timeout_s: float) -> bool:
        """Reads away what the runner still says; returns whether it ended within `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        try:
            while (left := deadline - time.monotonic()) > 0 and not self.ended():
                self.channel.receive(min(left, 0.2))
        except (EOFError, RuntimeError):
            return True
        return self.ended()


class RefereesEnd(Channel):
    """The end of the channel that faces the submission: what comes neither keeps the referee waiting nor makes it stumble."""

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """As the base class, but bytes that trickle in do not stretch the timeout, and every field is checked."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                message = super().receive(timeout_s=0)
            except RecursionError:
                raise ProtocolError("a message nested too deeply") from None
            if message is not None:
                return _checked(message)
            left_s = until - time.monotonic()
            if left_s <= 0:
                return None
            self._poll.poll(None if timeout_s is None else left_s * 1000)


def _checked(message: Message) -> Message:
    """Returns a message whose fields are what they should be; raises ProtocolError otherwise."""
    if isinstance(message, Paused):
        counts = (message.step, message.examples, message.device_memory_bytes)
        if not all(type(n) is int and 0 <= n < 2**62 for n in counts) or message.step > MOST_STEPS or type(message.done) is not bool:
            raise ProtocolError(f"not what can be said of a pause: {str(message)[:200]}")
    if isinstance(message, Written) and type(message.swaps) is not bool:
        raise ProtocolError("swaps is neither true nor false")
    if isinstance(message, Failed):
        if message.verdict not in ("crashed", "out_of_memory", "rejected"):
            raise ProtocolError(f"a runner cannot say {str(message.verdict)[:80]!r} of itself")
        reason = "".join(c if c.isprintable() else " " for c in str(message.reason)[:MOST_REASON])
        return replace(message, reason=reason)
    return message


def _keep_log(source: int, path: Path) -> None:
    """Copies what the runner prints to its log, up to `LOG_BYTES`; the runner has no descriptor of the file. Goes on on a full disk."""
    kept = path.stat().st_size
    while printed := os.read(source, 65536):
        if kept < LOG_BYTES:
            kept += len(printed)
            with contextlib.suppress(OSError), path.open("ab") as file:
                file.write(printed if kept < LOG_BYTES else b"\n... and more, which was not kept\n")


def environment(threads: int, variables: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of a runner: those of its sandbox and what it needs; nothing in them tells a submission what it trains."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    libraries = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    return {**variables, **fixed, **libraries}
