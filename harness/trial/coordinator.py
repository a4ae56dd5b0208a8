"""A trial on several nodes. The referee runs on the first node; on each other node a helper process starts that node's ranks.

Referee and helpers communicate through files in the trial's folder, each replaced atomically:

    <trial>/nodes/command.json    from the referee: which ranks to start, where rank 0 is, from which checkpoint to go on
    <trial>/nodes/<n>.json      from the helper of node n: a count that goes up while it lives, and what went wrong
    <trial>/nodes/state_<r>.pt  from the helper too: the state of one of its ranks, for the next checkpoint

The referee freezes the ranks of its own node. Those of the others stand because they wait for rank 0.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from harness.base.files import write_atomically
from harness.data import prepare
from harness.errors import UserError
from harness.ledger.paths import TrialPaths
from harness.ledger.spec import TrialSpec
from harness.machine.hardware import Machine, this_machine
from harness.project.plugins import load_workload
from harness.trial.checkpoint import copy_durably, files_to_restore, state_of
from harness.trial.memory_file import HandedIn, must_be_sealed, path_of
from harness.trial.messages import Failed, ProtocolError, RankLayout, RankState, Task
from harness.trial.processes import adopt_orphans
from harness.trial.runner_process import RunnerProcess
from harness.trial.sandbox import Mounts, build, choose

BEAT_S = 3.0
SILENT_S = 45.0
"""A helper whose heartbeat has not changed for this long is taken for dead, and its node with it."""
REPORT_S = 2 * BEAT_S
LOOK_S = 0.5
MEMORY_SHARE = 0.8
"""The ranks of a node may take this share of its memory."""


@dataclass(frozen=True)
class StartCommand:
    """What the helpers of a job are to start; without a layout they are to end."""

    job: str
    number: str
    layout: RankLayout | None = None
    checkpoint: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class Heartbeat:
    """The heartbeat of a helper; its last one carries the failure that ended it."""

    number: str
    count: int
    host: str
    failed: Failed | None = None


class NodeCoordinator:
    """The referee's side of the helpers on the other nodes of a job. With one node every method does nothing.

    Args:
        count: nodes of the job, the referee's own included.
        job: identifies this run of the job, so that helpers of an earlier run are not taken for those of this one.
    """

    def __init__(self, count: int = 1, job: str = "") -> None:
        self.count, self._job = count, job
        self.listener: socket.socket | None = None
        self._number, self._layout = "", RankLayout()
        self._heard: dict[int, tuple[int, float]] = {}

    def start_ranks(self, trial: Path, ranks: int, checkpoint: Path | None, machine: Machine) -> RankLayout:
        """Tells the helpers to start their ranks; returns the layout of this node's ranks.

        Raises:
            UserError: there are GPUs, but not one for each of them.
        """
        if machine.accelerators and ranks // self.count > machine.accelerators:
            raise UserError(f"ranks={ranks}: {machine.host} has only {machine.accelerators} GPUs, one for each rank: give fewer")
        if self.listener is not None:
            self.listener.close()
        self.listener = socket.create_server(("", 0)) if self.count > 1 and ranks > 1 else None
        self._layout = RankLayout(
            ranks=ranks,
            local_ranks=ranks // self.count,
            master_host=socket.gethostname() if self.count > 1 else "127.0.0.1",
            master_port=self.listener.getsockname()[1] if self.listener else 0,
            listens=self.listener is not None,
        )
        self._folder, self._number, self._heard = TrialPaths(trial).nodes, uuid.uuid4().hex, {}
        if self.count > 1:
            self._folder.mkdir(exist_ok=True)
            self._write(StartCommand(self._job, self._number, self._layout, checkpoint.name if checkpoint else None, machine.fingerprint))
        return self._layout

    def trouble(self) -> Failed | None:
        """Returns the failure of a helper: one that it reported, or that its heartbeat has stopped; None while all is well."""
        for node in range(1, self.count):
            heartbeat = _read_heartbeat(self._folder / f"{node}.json")
            if heartbeat is None or heartbeat.number != self._number:
                continue
            if heartbeat.failed is not None:
                return msgspec.structs.replace(heartbeat.failed, reason=f"on node {node} ({heartbeat.host}): {heartbeat.failed.reason}")
            count, since = self._heard.get(node, (-1, 0.0))
            if heartbeat.count != count:
                self._heard[node] = (heartbeat.count, time.monotonic())
            elif time.monotonic() > since + SILENT_S:
                return Failed(verdict="crashed", reason=f"node {node} ({heartbeat.host}) was not heard of for {SILENT_S:g} s")
        return None

    def cause_of(self, failed: Failed) -> Failed:
        """Returns the failure that a helper reports within a few seconds, which may be the cause of this one, else this one."""
        deadline = time.monotonic() + REPORT_S
        while self.count > 1 and time.monotonic() < deadline:
            if trouble := self.trouble():
                return trouble
            time.sleep(LOOK_S)
        return failed

    @contextmanager
    def rank_states(self, timeout_s: float) -> Iterator[dict[str, Path]]:
        """Yields the files with the states of the other nodes' ranks for this checkpoint, by name; they are deleted afterwards.

        Raises:
            HandedIn: one is not there after `timeout_s` seconds.
        """
        paths = {state_of(rank): self._folder / state_of(rank) for rank in range(self._layout.local_ranks, self._layout.ranks)}
        deadline = time.monotonic() + timeout_s
        while missing := [name for name, path in paths.items() if not path.exists()]:
            if time.monotonic() > deadline:
                raise HandedIn(f"{missing[0]} did not come from its node within {timeout_s:g} s")
            time.sleep(LOOK_S / 10)
        try:
            yield paths
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def shut_down(self, trial: Path) -> None:
        """Tells the helpers to end."""
        self._folder = TrialPaths(trial).nodes
        if self.count > 1 and trial.exists():
            self._folder.mkdir(exist_ok=True)
            self._write(StartCommand(self._job, "end"))

    def _write(self, command: StartCommand) -> None:
        write_atomically(self._folder / "command.json", msgspec.json.encode(command))


def run_remote_ranks(spec: TrialSpec, trial: Path, node: int, job: str, cache: Path) -> None:
    """Runs as the helper on one node: starts its ranks whenever the referee of this job asks for it, until it is told to end."""
    adopt_orphans()
    served = ""
    while (command := _read_command(trial)) is None or command.job != job or command.layout is not None:
        if command is not None and command.job == job and command.number != served:
            served = command.number
            _serve(command, spec, trial, node, cache)
        time.sleep(LOOK_S)


def _serve(command: StartCommand, spec: TrialSpec, trial: Path, node: int, cache: Path) -> None:
    """Runs the ranks of this node until they end, or the order is another."""
    heartbeat = Heartbeat(command.number, 0, socket.gethostname())
    for failed in _ranks_of(command, spec, trial, node, cache):
        heartbeat = replace(heartbeat, count=heartbeat.count + 1, failed=failed)
        write_atomically(TrialPaths(trial).nodes / f"{node}.json", msgspec.json.encode(heartbeat))
        if failed is not None:
            return


def _ranks_of(command: StartCommand, spec: TrialSpec, trial: Path, node: int, cache: Path) -> Iterator[Failed | None]:
    """Starts the ranks of this node; yields every few seconds None, and once what went wrong. Ends when the order has changed."""
    machine = this_machine()
    if machine.fingerprint != command.fingerprint:
        yield Failed(verdict="crashed", reason=f"this node is '{machine.fingerprint}' and the first one '{command.fingerprint}'")
    assert command.layout is not None
    workload = load_workload(Path(spec.workload_path), spec.workload)
    mounts = Mounts.of(workload, Path(spec.workload_path), source=TrialPaths(trial).source, data=prepare(workload, cache, spec.salt))
    sandbox = build(choose(spec.sandbox), mounts, alone=False)
    first = node * command.layout.local_ranks
    layout = msgspec.structs.replace(command.layout, first_rank=first, listens=False)
    ranks = range(first, first + layout.local_ranks)
    checkpoint = TrialPaths(trial).checkpoints / command.checkpoint if command.checkpoint else None
    memory_bytes = int(MEMORY_SHARE * machine.memory_bytes)
    with RunnerProcess(sandbox, trial / f"log_{node}.txt", spec.workload.threads, layout.local_ranks) as runner:
        try:
            task = Task.of(spec, sandbox.mounts, runner.scratch, memory_bytes, layout, checkpoint is not None)
            with files_to_restore(checkpoint, ranks) as descriptors:
                runner.channel.send(task, [runner.step_counter, *descriptors])
            while _read_command(trial) == command:
                yield None
                message = runner.receive(BEAT_S)
                if isinstance(message, Failed):
                    yield message
                elif isinstance(message, RankState) and message.rank in ranks:
                    _keep_state(runner, message.rank, TrialPaths(trial).nodes)
                elif message is not None:
                    yield Failed(verdict="rejected", reason=f"a rank said {type(message).__name__}, which only rank 0 may say")
                elif trouble := runner.memory_trouble(memory_bytes):
                    yield Failed(verdict="out_of_memory", reason=trouble)
        except (EOFError, OSError):
            out_of_memory, how = runner.how_it_ended()
            yield Failed(verdict="out_of_memory" if out_of_memory else "crashed", reason=how)
        except (ProtocolError, HandedIn) as error:
            yield Failed(verdict="rejected", reason=f"the runner broke the protocol: {error}")


def _keep_state(runner: RunnerProcess, rank: int, folder: Path) -> None:
    """Copies the state of a rank to where the referee looks for it."""
    [descriptor] = runner.channel.take_descriptors(1)
    try:
        must_be_sealed(descriptor, state_of(rank))
        part = folder / f".{state_of(rank)}.part"
        copy_durably(Path(path_of(descriptor)), part)
        part.rename(folder / state_of(rank))
    finally:
        os.close(descriptor)


def _read_command(trial: Path) -> StartCommand | None:
    try:
        return msgspec.json.decode((TrialPaths(trial).nodes / "command.json").read_bytes(), type=StartCommand)
    except (OSError, msgspec.DecodeError):
        return None


def _read_heartbeat(path: Path) -> Heartbeat | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Heartbeat)
    except (OSError, msgspec.DecodeError):
        return None
