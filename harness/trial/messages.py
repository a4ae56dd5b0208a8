"""What referee and runner say to each other: one JSON object a line over a socket pair, each a frozen dataclass.

    runner -> referee   Ready  Paused  Swapped  Written  Failed
    referee -> runner   Task  Resume  Stop

The runner never reports a time; the referee looks at its own clock when a message arrives.
"""

import json
import select
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.workload import Evaluation

if TYPE_CHECKING:
    from harness.trial.sandbox import Mounts

MAX_MESSAGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """Which of a trial's ranks a runner is to be, and where rank 0 can be met by the others."""

    ranks: int = 1
    first_rank: int = 0
    local_ranks: int = 1
    master_host: str = "127.0.0.1"
    master_port: int = 0


@dataclass(frozen=True)
class Task:
    """What to run, and where: folders with workload, submission, data, to write to, and (or None) to go on from.

    `memory_bytes` is how much each of its processes may take.
    """

    spec: dict[str, Any]
    memory_bytes: int
    workload: str
    source: str
    data: str
    scratch: str
    checkpoint: str | None
    place: Place = Place()

    @staticmethod
    def of(spec: dict[str, Any], mounts: "Mounts", scratch: Path, checkpoint: Path | None, memory_bytes: int, place: Place) -> "Task":
        """Returns the task of a runner that is shown `mounts`."""
        folders = {"workload": mounts.workload, "source": mounts.source, "data": mounts.data, "scratch": scratch}
        texts = {name: str(path) for name, path in folders.items()}
        return Task(spec=spec, memory_bytes=memory_bytes, **texts, checkpoint=str(checkpoint) if checkpoint else None, place=place)


@dataclass(frozen=True)
class Ready:
    """Model and data are built and warmed up. The submission is loaded only now, with the clock running.

    On going on from a checkpoint the submission was loaded before and its state restored; the weights are in scratch to prove it.
    """


@dataclass(frozen=True)
class Resume:
    """Go on; the clock runs. `evaluation` is the result of the evaluation that has just been made, if one was."""

    time_s: float
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class Paused:
    """Training stands at a step boundary and the device is synchronised. `done`: the submission has nothing left to do."""

    step: int
    examples: int
    device_memory_bytes: int
    done: bool = False


@dataclass(frozen=True)
class Swapped:
    """The weights to evaluate are in the model and the device is synchronised."""


@dataclass(frozen=True)
class Written:
    """What was to be written (checkpoint or weights) is on disk below scratch.

    `swaps`: the submission evaluates other weights than it trains, so that each evaluation has a `Swapped` stage.
    """

    swaps: bool


@dataclass(frozen=True)
class Failed:
    """The runner cannot go on."""

    verdict: Literal["crashed", "out_of_memory", "rejected"]
    reason: str


@dataclass(frozen=True)
class Stop:
    """End at the next step boundary."""


Message = Task | Ready | Resume | Paused | Swapped | Written | Failed | Stop
_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in (Task, Ready, Resume, Paused, Swapped, Written, Failed, Stop)}


class ProtocolError(RuntimeError):
    """The other side said something that is no message."""


def encode(message: Message) -> bytes:
    """Returns the line for a message."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Returns the message of a line.

    Raises:
        ProtocolError: the line is no message, or a field is missing, unknown or of the wrong type.
    """
    try:
        fields = json.loads(line)
        kind = _KINDS[fields.pop("kind")]
        if kind is Resume and fields.get("evaluation") is not None:
            fields["evaluation"] = Evaluation(**fields["evaluation"])
        if kind is Task:
            fields["place"] = Place(**fields["place"])
        message = kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProtocolError(f"not a message: {line[:80]!r}") from None
    if isinstance(message, Paused) and not all(type(n) is int and n >= 0 for n in (message.step, message.examples)):
        raise ProtocolError(f"not a count in {line[:80]!r}")
    return message


class Channel:
    """One end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)

    def send(self, message: Message) -> None:
        """Sends a message; raises OSError when the other side is gone."""
        self._socket.sendall(encode(message))

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Returns the next message, or None when none came within `timeout_s` seconds (None: wait).

        Raises:
            EOFError: the other side is gone.
            ProtocolError: what came is no message.
        """
        while b"\n" not in self._buffer:
            if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                return None
            try:
                received = self._socket.recv(65536)
            except ConnectionError:
                received = b""
            if not received:
                raise EOFError
            self._buffer += received
            if len(self._buffer) > MAX_MESSAGE_BYTES:
                raise ProtocolError("a message of more than 1 MiB")
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        return decode(bytes(line))

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()
