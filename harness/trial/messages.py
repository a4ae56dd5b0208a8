"""The messages between referee and runner: one msgpack packet each over a SEQPACKET socket pair, with file descriptors where it has some.

    runner -> referee   Ready  RankState  Paused  Failed
    referee -> runner   Task  Resume  Checkpoint  Stop

The runner never reports a time on the clock; the referee looks at its own clock.
"""

import os
import select
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import msgspec

from harness.ledger.spec import TrialSpec
from harness.workload import Evaluation

if TYPE_CHECKING:
    from harness.trial.sandbox import Mounts

MAX_PACKET_BYTES = 1 << 16
MAX_DESCRIPTORS = 64
MAX_STEPS = 10**8
MAX_REASON = 1000

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Steps = Annotated[int, msgspec.Meta(ge=0, le=MAX_STEPS)]
Purpose = Literal["evaluation", "checkpoint", "restored"]


class Base(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A message; unknown fields, wrong types and numbers out of range are refused when it is read."""


class RankLayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of a trial's ranks a runner is to be, and where the others find rank 0.

    With several nodes the referee has bound the port of rank 0, and the task comes with that socket (`listens`), so that nobody else can
    take the port meanwhile. With one node the runner binds one in its own network.
    """

    ranks: int = 1
    first_rank: int = 0
    local_ranks: int = 1
    master_host: str = "127.0.0.1"
    master_port: int = 0
    listens: bool = False


class Task(Base, frozen=True, kw_only=True):
    """What to run: the trial's spec, and the folders with workload, submission, data and to write to, as the runner sees them.

    `memory_bytes` is how much each of its processes may take. Descriptors: the step counter; the socket on which rank 0 listens, where the
    layout says so; to go on from a checkpoint (`restore`) its weights and the states of the ranks of this node.
    """

    spec: TrialSpec
    memory_bytes: int
    workload: str
    source: str
    data: str
    scratch: str
    restore: bool = False
    layout: RankLayout = RankLayout()

    @staticmethod
    def of(spec: TrialSpec, mounts: "Mounts", scratch: str, memory_bytes: int, layout: RankLayout, restore: bool) -> "Task":
        """Returns the task of a runner that is shown `mounts`."""
        folders = {name: str(getattr(mounts, name)) for name in ("workload", "source", "data")}
        return Task(spec=spec, scratch=scratch, memory_bytes=memory_bytes, layout=layout, restore=restore, **folders)


class Ready(Base, frozen=True, kw_only=True):
    """The model and the data are built and warmed up, and no code of the submission has run; the same on a first start and on a resume.

    `pass_s` is the fastest forward and backward pass over a reference batch on this machine, in seconds (`harness.trial.runner.warm_up`).
    """

    pass_s: Annotated[float, msgspec.Meta(ge=0)]


class Resume(Base, frozen=True, kw_only=True):
    """Go on; the clock runs and stands at `time_s`. `evaluation` is the result of the evaluation that has just been made, if one was."""

    time_s: float
    evaluation: Evaluation | None = None


class Checkpoint(Base, frozen=True, kw_only=True):
    """Hand in the whole state at the next opportunity."""


class Stop(Base, frozen=True, kw_only=True):
    """End at the next step boundary."""


class RankState(Base, frozen=True, kw_only=True):
    """The state of a rank other than 0, for the checkpoint that rank 0 hands in next. Descriptor: the state."""

    rank: Annotated[int, msgspec.Meta(ge=1, lt=1 << 16)]


class Paused(Base, frozen=True, kw_only=True):
    """Training has paused at a step boundary, the device is synchronised, and what is handed in lies in sealed memory.

    Descriptors: the weights, and at a checkpoint also the state of rank 0. `done`: the submission has nothing left to do.
    """

    purpose: Purpose
    step: Steps
    examples: Count
    device_memory_bytes: Count = 0
    done: bool = False


class Failed(Base, frozen=True, kw_only=True):
    """The runner cannot go on."""

    verdict: Literal["crashed", "out_of_memory", "rejected"]
    reason: str


FromRunner = Ready | RankState | Paused | Failed
FromReferee = Task | Resume | Checkpoint | Stop
Received = TypeVar("Received")


class ProtocolError(RuntimeError):
    """The other side sent something that is no message."""


class Channel(Generic[Received]):
    """One end of the socket pair.

    Args:
        end: a connected SOCK_SEQPACKET socket.
        kinds: the union of the messages that the other side may send.
    """

    def __init__(self, end: socket.socket, kinds: Any) -> None:
        self._socket = end
        self._decoder: msgspec.msgpack.Decoder[Received] = msgspec.msgpack.Decoder(kinds)
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._descriptors: list[int] = []

    def send(self, message: FromRunner | FromReferee, descriptors: Sequence[int] = ()) -> None:
        """Sends a message and copies of open descriptors; raises OSError when the other side is gone."""
        socket.send_fds(self._socket, [msgspec.msgpack.encode(message)], descriptors)

    def receive(self, timeout_s: float | None = None) -> Received | None:
        """Returns the next message, or None when none came within `timeout_s` seconds (None: wait).

        Raises:
            EOFError: the other side is gone.
            ProtocolError: what came is no message.
        """
        if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
            return None
        self._close_descriptors()
        try:
            packet, self._descriptors, flags, _ = socket.recv_fds(self._socket, MAX_PACKET_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            raise EOFError from None
        if not packet:
            raise EOFError
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):  # defence: a message has a limit
            raise ProtocolError(f"a message of more than {MAX_PACKET_BYTES} bytes or {MAX_DESCRIPTORS} descriptors")
        try:
            return self._decoder.decode(packet)
        except (msgspec.DecodeError, RecursionError) as error:  # a ValidationError is a DecodeError
            raise ProtocolError(f"not a message ({str(error)[:200]}): {packet[:80]!r}") from None

    def take_descriptors(self, count: int) -> list[int]:
        """Returns the descriptors that came with the last message, which are the caller's to close.

        Raises:
            ProtocolError: there are not `count` of them.
        """
        if len(self._descriptors) != count:  # defence: descriptors are counted
            raise ProtocolError(f"a message with {len(self._descriptors)} descriptors where {count} belong")
        taken, self._descriptors = self._descriptors, []
        return taken

    def wait_for_end(self, timeout_s: float) -> bool:
        """Reads away what the other side still sends; returns whether it closed its end within `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                self.receive(left_s)
            except EOFError:
                return True
            except ProtocolError:
                continue
        return False

    def close(self) -> None:
        """Closes this end."""
        self._close_descriptors()
        self._socket.close()

    def _close_descriptors(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []


def printable(reason: str) -> str:
    """Returns what a runner says of itself as one line that can be shown: at most 1,000 characters, none of them control characters."""
    return "".join(c if c.isprintable() else " " for c in reason[:MAX_REASON])
