"""The protocol: every message survives the wire, everything else is refused."""

import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import msgspec
import pytest

from harness.ledger.spec import TrialSpec
from harness.trial.messages import (
    MAX_DESCRIPTORS,
    MAX_PACKET_BYTES,
    Channel,
    Checkpoint,
    Failed,
    FromReferee,
    FromRunner,
    Paused,
    ProtocolError,
    RankState,
    Ready,
    Resume,
    Stop,
    Task,
    printable,
)
from harness.trial.runner_process import RunnerProcess
from harness.workload import Evaluation
from tests.score.builders import WORKLOAD

SPEC = TrialSpec(
    campaign=None,
    submission="s",
    submission_path="/s",
    source_hash="0",
    hp={"learning_rate": 0.1, "betas": [0.9, 0.99], "name": "x"},
    workload=WORKLOAD,
    workload_path="/w",
    ruleset="self",
    budget_s=60.0,
    evaluate_every=320,
    study=1,
    trial=1,
    seed=1,
)
TO_REFEREE = [
    Ready(pass_s=0.1),
    RankState(rank=3),
    Paused(purpose="evaluation", step=3, examples=48, done=True),
    Failed(verdict="crashed", reason="why\nso"),
]
TO_RUNNER = [
    Task(spec=SPEC, memory_bytes=1, workload="w", source="s", data="d", scratch="x"),
    Resume(time_s=1.5, evaluation=Evaluation(0.1, float("inf"))),
    Resume(time_s=0.0),
    Checkpoint(),
    Stop(),
]


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel, socket.socket]]:
    """The referee's end, the runner's end, and the socket of the latter."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    referee, runner = Channel(here, FromRunner), Channel(there, FromReferee)
    yield referee, runner, there
    referee.close()
    runner.close()


@pytest.mark.parametrize("message", [*TO_REFEREE, *TO_RUNNER], ids=lambda m: type(m).__name__)
def test_round_trip(pair: tuple[Channel, Channel, socket.socket], message: object) -> None:
    referee, runner, _ = pair
    sender, receiver = (runner, referee) if message in TO_REFEREE else (referee, runner)
    sender.send(message)
    assert receiver.receive(timeout_s=0) == message
    assert receiver.receive(timeout_s=0) is None


def paused(**changes: object) -> bytes:
    return msgspec.msgpack.encode({"type": "Paused", "purpose": "evaluation", "step": 1, "examples": 1, **changes})


@pytest.mark.parametrize(
    "packet",
    [
        b"hello",
        b"\xff\xfe",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode(3),
        msgspec.msgpack.encode({"type": "Win"}),
        msgspec.msgpack.encode({"type": "Resume", "time_s": 0.0}),
        msgspec.msgpack.encode({"type": "Ready"}),
        msgspec.msgpack.encode({"type": "Ready", "pass_s": 0.1, "more": 1}),
        msgspec.msgpack.encode({"type": "Ready", "pass_s": float("nan")}),
        msgspec.msgpack.encode({"type": "Failed", "verdict": "reached", "reason": ""}),
        paused(step="ten"),
        paused(step=-1),
        paused(step=10**8 + 1),
        paused(examples=2**62),
        paused(examples=1.5),
        paused(device_memory_bytes=-1),
        paused(done=1),
        paused(purpose="holiday"),
        b"\x91" * 30_000,
    ],
)
def test_what_is_no_message(pair: tuple[Channel, Channel, socket.socket], packet: bytes) -> None:
    referee, _, runners_socket = pair
    runners_socket.send(packet)
    with pytest.raises(ProtocolError):
        referee.receive()


def test_what_is_too_long(pair: tuple[Channel, Channel, socket.socket]) -> None:
    referee, _, runners_socket = pair
    runners_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_PACKET_BYTES)
    runners_socket.send(b"x" * (MAX_PACKET_BYTES + 1))
    with pytest.raises(ProtocolError, match="a message of more than"):
        referee.receive()


def test_descriptors_come_along_and_are_closed_when_nobody_takes_them(pair: tuple[Channel, Channel, socket.socket]) -> None:
    referee, runner, _ = pair
    before = len(os.listdir("/proc/self/fd"))
    file = os.memfd_create("file")
    os.write(file, b"content")
    runner.send(Ready(pass_s=0.0), [file, file])
    referee.receive()
    for descriptor in referee.take_descriptors(2):
        assert os.pread(descriptor, 10, 0) == b"content"
        os.close(descriptor)
    runner.send(Ready(pass_s=0.0), [file] * 3)
    referee.receive()
    with pytest.raises(ProtocolError, match="with 3 descriptors where 1 belong"):
        referee.take_descriptors(1)
    runner.send(Ready(pass_s=0.0))
    referee.receive()
    os.close(file)
    assert len(os.listdir("/proc/self/fd")) == before


def test_too_many_descriptors(pair: tuple[Channel, Channel, socket.socket]) -> None:
    referee, runner, _ = pair
    before = len(os.listdir("/proc/self/fd"))
    runner.send(Ready(pass_s=0.0), [0] * (MAX_DESCRIPTORS + 1))
    with pytest.raises(ProtocolError, match="descriptors"):
        referee.receive()
    runner.send(Ready(pass_s=0.0))
    referee.receive()
    assert len(os.listdir("/proc/self/fd")) == before


def test_channel_waits_and_sees_the_end(pair: tuple[Channel, Channel, socket.socket]) -> None:
    referee, runner, _ = pair
    assert referee.receive(timeout_s=0) is None
    assert not referee.wait_for_end(timeout_s=0.01)
    runner.send(Ready(pass_s=0.0))
    runner.close()
    assert referee.receive() == Ready(pass_s=0.0)
    with pytest.raises(EOFError):
        referee.receive()
    assert referee.wait_for_end(timeout_s=10)


def test_what_a_runner_said_last_is_read_also_when_it_ends_just_then() -> None:
    """The message comes after the look for one and before the look whether the runner lives."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    runner = RunnerProcess.__new__(RunnerProcess)
    runner.channel = Channel(here, FromRunner)

    def ends() -> int:
        if there.fileno() != -1:
            Channel(there, FromReferee).send(Failed(verdict="crashed", reason="its last words"))
            there.close()
        return 0

    runner.process = SimpleNamespace(poll=ends)
    assert runner.receive(timeout_s=0.01) == Failed(verdict="crashed", reason="its last words")
    with pytest.raises(EOFError):
        runner.receive(timeout_s=0.01)


def test_a_reason_is_one_line_that_can_be_shown() -> None:
    assert printable("a\nb\x1b[2Jc" + "d" * 2000) == "a b [2Jc" + "d" * 992
