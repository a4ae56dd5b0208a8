"""A trial on several nodes: the referee on the first, on each of the others a helper that starts the ranks of its node.

They meet in the ledger alone, in files that are replaced whole:

    <trial>/nodes/order.json    from the referee: which ranks to start, where rank 0 is, from which checkpoint to go on
    <trial>/nodes/<n>.json      from the helper of node n: a count that goes up while it lives, and what went wrong

The referee freezes the ranks of its own node. Those of the others stand because they wait for rank 0.
"""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.data import prepare
from harness.errors import UserError
from harness.files import write_atomically
from harness.hardware import Machine, this_machine
from harness.plugins import load_workload
from harness.trial.messages import Failed, Place, ProtocolError, Task
from harness.trial.processes import adopt_orphans
from harness.trial.runner_process import RunnerProcess
from harness.trial.sandbox import View, build, choose
from harness.trial.spec import TrialSpec

FOLDER = "nodes"
BEAT_S = 3.0
SILENT_S = 45.0
"""A helper that was not heard of for so long is dead, and its node with it."""
REPORT_S = 2 * BEAT_S
LOOK_S = 0.5
MEMORY_SHARE = 0.8
"""The ranks of a node may take this share of its memory."""


@dataclass(frozen=True)
class Order:
    """What the helpers of a job are to do; without a place: go home."""

    job: str
    number: str
    place: Place | None = None
    checkpoint: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class Sign:
    """A sign of life of a helper; the last one has what went wrong."""

    number: str
    beat: int
    host: str
    failed: Failed | None = None


class Nodes:
    """The nodes of a job as the referee deals with them; with one node there is nobody to deal with."""

    def __init__(self, count: int = 1, job: str = "") -> None:
        self.count, self._job = count, job
        self._number = ""
        self._heard: dict[int, tuple[int, float]] = {}

    def begin(self, trial: Path, ranks: int, checkpoint: Path | None, machine: Machine) -> Place:
        """Has the helpers start their ranks; returns the place of those on this node.

        Raises:
            UserError: there are GPUs, but not one for each of them.
        """
        if machine.accelerators and ranks // self.count > machine.accelerators:
            raise UserError(f"ranks={ranks}: {machine.host} has only {machine.accelerators} GPUs, one for each rank: give fewer")
        place = Place(
            ranks, 0, ranks // self.count, socket.gethostname() if self.count > 1 else "127.0.0.1", _free_port() if ranks > 1 else 0
        )
        self._folder, self._number, self._heard = trial / FOLDER, uuid.uuid4().hex, {}
        if self.count > 1:
            self._folder.mkdir(exist_ok=True)
            self._write(Order(self._job, self._number, place, checkpoint.name if checkpoint else None, machine.fingerprint))
        return place

    def trouble(self) -> Failed | None:
        """Returns what keeps a helper from going on: it says so itself, or it is not heard of any more."""
        for node in range(1, self.count):
            sign = _read_sign(self._folder / f"{node}.json")
            if sign is None or sign.number != self._number:
                continue
            if sign.failed is not None:
                return replace(sign.failed, reason=f"on node {node} ({sign.host}): {sign.failed.reason}")
            beat, since = self._heard.get(node, (-1, 0.0))
            if sign.beat != beat:
                self._heard[node] = (sign.beat, time.monotonic())
            elif time.monotonic() > since + SILENT_S:
                return Failed("crashed", f"node {node} ({sign.host}) was not heard of for {SILENT_S:g} s")
        return None

    def cause_of(self, failed: Failed) -> Failed:
        """Returns what a helper says about a failure that rank 0 may only have seen the consequences of, else the failure itself."""
        deadline = time.monotonic() + REPORT_S
        while self.count > 1 and time.monotonic() < deadline:
            if trouble := self.trouble():
                return trouble
            time.sleep(LOOK_S)
        return failed

    def dismiss(self, trial: Path) -> None:
        """Sends the helpers home."""
        self._folder = trial / FOLDER
        if self.count > 1 and trial.exists():
            self._folder.mkdir(exist_ok=True)
            self._write(Order(self._job, "home"))

    def _write(self, order: Order) -> None:
        write_atomically(self._folder / "order.json", json.dumps(asdict(order)))


def assist(spec: TrialSpec, trial: Path, node: int, job: str, cache: Path) -> None:
    """Is the helper on a node: starts its ranks whenever the referee of this job says so, until it is sent home."""
    adopt_orphans()
    served = ""
    while (order := _read_order(trial)) is None or order.job != job or order.place is not None:
        if order is not None and order.job == job and order.number != served:
            served = order.number
            _serve(order, spec, trial, node, cache)
        time.sleep(LOOK_S)


def _serve(order: Order, spec: TrialSpec, trial: Path, node: int, cache: Path) -> None:
    """Runs the ranks of this node until they end, or the order is another."""
    sign = Sign(order.number, 0, socket.gethostname())
    for failed in _ranks_of(order, spec, trial, node, cache):
        sign = replace(sign, beat=sign.beat + 1, failed=failed)
        write_atomically(trial / FOLDER / f"{node}.json", json.dumps(asdict(sign)))
        if failed is not None:
            return


def _ranks_of(order: Order, spec: TrialSpec, trial: Path, node: int, cache: Path) -> Iterator[Failed | None]:
    """Starts the ranks of this node; yields every few seconds None, and once what went wrong. Ends when the order has changed."""
    machine = this_machine()
    if machine.fingerprint != order.fingerprint:
        yield Failed("crashed", f"this node is '{machine.fingerprint}' and the first one '{order.fingerprint}'")
    assert order.place is not None
    workload = load_workload(Path(spec.workload_path), spec.workload)
    view = View(
        source=trial / "source",
        data=prepare(workload, cache, spec.salt),
        scratch=trial / "scratch",
        checkpoint=trial / "checkpoint" / order.checkpoint if order.checkpoint else None,
        workload=Path(spec.workload_path),
        veiled=workload.veiled_files(),
    )
    sandbox = build(choose(spec.sandbox), view, cache, alone=False)
    place = replace(order.place, first_rank=node * order.place.local_ranks)
    memory_bytes = int(MEMORY_SHARE * machine.memory_bytes)
    with RunnerProcess(sandbox, view.scratch, trial / f"log_{node}.txt", spec.workload.threads) as runner:
        try:
            runner.channel.send(Task.of(spec.to_json(), sandbox.view, memory_bytes, place))
            while _read_order(trial) == order:
                yield None
                message = runner.receive(BEAT_S)
                if isinstance(message, Failed):
                    yield message
                elif message is not None:
                    yield Failed("rejected", f"a rank said {type(message).__name__}, which only rank 0 may say")
                elif trouble := runner.memory_trouble(memory_bytes):
                    yield Failed("out_of_memory", trouble)
        except (EOFError, OSError):
            out_of_memory, how = runner.how_it_ended()
            yield Failed("out_of_memory" if out_of_memory else "crashed", how)
        except ProtocolError as error:
            yield Failed("rejected", f"the runner broke the protocol: {error}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return content
    except (OSError, ValueError):
        return None


def _read_order(trial: Path) -> Order | None:
    content = _read(trial / FOLDER / "order.json")
    if content is None:
        return None
    place = content.pop("place")
    return Order(**content, place=Place(**place) if place else None)


def _read_sign(path: Path) -> Sign | None:
    content = _read(path)
    if content is None:
        return None
    failed = content.pop("failed")
    return Sign(**content, failed=Failed(**failed) if failed else None)
