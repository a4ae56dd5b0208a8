"""The protocol: every message survives the wire, everything else is refused."""

import socket
from types import SimpleNamespace

import pytest

from harness.trial.messages import (
    Channel,
    Failed,
    Paused,
    ProtocolError,
    Ready,
    Resume,
    Stop,
    Swapped,
    Task,
    Written,
    decode,
    encode,
)
from harness.trial.runner_process import RefereesEnd, RunnerProcess
from harness.workload import Evaluation

MESSAGES = [
    Task({"a": 1}, 1, "w", "s", "d", "x", None),
    Ready(),
    Resume(1.5, Evaluation(0.1, 0.2)),
    Resume(0.0),
    Paused(3, 48, 0, done=True),
    Swapped(),
    Written(swaps=True),
    Failed("crashed", "why\nso"),
    Stop(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_round_trip(message: object) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"3",
        b'{"kind": "Win"}',
        b'{"kind": "Written"}',
        b'{"kind": "Ready", "more": 1}',
        b'{"kind": "Paused", "step": "ten", "examples": 1, "device_memory_bytes": 0}',
        b'{"kind": "Paused", "step": -1, "examples": 1, "device_memory_bytes": 0}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_message(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


def test_channel_waits_times_out_and_sees_the_end() -> None:
    here, there = map(Channel, socket.socketpair())
    assert here.receive(timeout_s=0) is None
    there.send(Ready())
    there.send(Stop())
    assert here.receive() == Ready()
    assert here.receive(0) == Stop()
    there.close()
    with pytest.raises(EOFError):
        here.receive()


def test_channel_refuses_a_flood() -> None:
    one, two = socket.socketpair()
    two.setblocking(False)
    channel = Channel(one)
    flood(two, channel)


def flood(sender: socket.socket, channel: Channel) -> None:
    for _ in range((1 << 20) // 65536):
        sender.send(b"x" * 65536)
        channel.receive(timeout_s=0)
    sender.send(b"x")
    with pytest.raises(ProtocolError, match="more than 1 MiB"):
        channel.receive(timeout_s=0)


def test_what_a_runner_said_last_is_read_also_when_it_ends_just_then() -> None:
    """The message comes after the look for one and before the look whether the runner lives."""
    here, there = socket.socketpair()
    runner = RunnerProcess.__new__(RunnerProcess)
    runner.channel = RefereesEnd(here)

    def ends() -> int:
        if there.fileno() != -1:
            Channel(there).send(Failed("crashed", "its last words"))
            there.close()
        return 0

    runner.process = SimpleNamespace(poll=ends)
    assert runner.receive(timeout_s=0.01) == Failed("crashed", "its last words")
    with pytest.raises(EOFError):
        runner.receive(timeout_s=0.01)
