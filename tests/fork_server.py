"""Starts runners without a sandbox by forking a process that has imported everything, which saves each of them the imports.

The server forks twice, so that the runner is an orphan and becomes a child of the test's process, as it would be without the server.
"""

import gc
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from harness.trial.processes import adopt_orphans
from harness.trial.runner_process import environment
from harness.trial.sandbox import Mounts, build

MAIN = "harness.trial.runner_main"
MAX_REQUEST_BYTES = 1 << 16


class Forked:
    """What the referee needs of a `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: int) -> None:
        self.pid, self.stdout = pid, os.fdopen(stdout, "rb")
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def wait(self, timeout: float = float("inf")) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(MAIN, timeout)
            time.sleep(0.001)
        return code

    def kill(self) -> None:
        psutil.Process(self.pid).kill()


class ForkServer:
    """The server of one test process, as a context."""

    def __init__(self) -> None:
        adopt_orphans()
        self._socket, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        variables = build("none", Mounts(Path(), Path(), Path())).variables
        words = [sys.executable, "-m", "tests.fork_server", str(there.fileno())]
        self._server = subprocess.Popen(words, pass_fds=[there.fileno()], env=environment(1, variables), start_new_session=True)
        there.close()

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._server.wait()

    def start(self, command: list[str], **settings: Any) -> Any:
        """As `subprocess.Popen`; forks where it can, which is a runner without a sandbox."""
        if command[0] != sys.executable or MAIN not in command:
            return subprocess.Popen(command, **settings)
        (channel,), output, gate = settings["pass_fds"], os.pipe(), os.pipe()
        socket.send_fds(self._socket, [json.dumps([settings["env"], settings["cwd"]]).encode()], [channel, output[1], gate[0]])
        os.close(output[1])
        os.close(gate[0])
        pid = int(self._socket.recv(64))
        while psutil.Process(pid).ppid() != os.getpid():
            time.sleep(0.0002)
        if settings["preexec_fn"] is not None:
            settings["preexec_fn"](pid)
        os.close(gate[1])
        return Forked(pid, output[0])


def serve(end: socket.socket) -> None:
    """Forks a runner for each request until the test's process is gone."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(end, MAX_REQUEST_BYTES, 3)
        if not request:
            return
        if (between := os.fork()) == 0:
            if (pid := os.fork()) == 0:
                end.close()
                _become_runner(*json.loads(request), *descriptors)
            end.send(str(pid).encode())
            os._exit(0)
        os.waitpid(between, 0)
        for descriptor in descriptors:
            os.close(descriptor)


def _become_runner(variables: dict[str, str], folder: str, channel: int, output: int, gate: int) -> None:
    os.setsid()
    os.read(gate, 1)  # ends when the test's process is the parent and has put this one into its control group
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(gate)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.argv = [MAIN, str(channel)]
    runner.main()


if __name__ == "__main__":
    gc.disable()
    import torch

    from harness.trial import runner

    torch.set_num_threads(1)
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))]).step()  # what torch imports only when an optimizer is used
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
