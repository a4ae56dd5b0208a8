"""How fast this machine is right now: a fixed mix of torch kernels, timed before each trial, off the clock.

The figure is compared with the one that was measured when the machine was calibrated (`harness.machine.calibration`): a node that is hot,
throttled or misconfigured shows before its times get onto a board. Docs: docs/hardware.md.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import torch
from torch import Tensor

from harness.ledger.record import Probe
from harness.ledger.spec import TrialSpec
from harness.machine.calibration import calibrated_speed
from harness.machine.hardware import Machine
from harness.project.project import Project

REPEATS, MAX_S = 200, 0.8


@dataclass(frozen=True)
class Sizes:
    """Of the kernels. Each takes about 0.3 ms on one CPU core, and as long on a large GPU: less than a slice of the scheduler's time."""

    matrix: int
    images: int
    channels: int
    pixels: int
    chunk: int
    chunks: int


CPU = Sizes(matrix=256, images=2, channels=16, pixels=32, chunk=1 << 19, chunks=32)
GPU = Sizes(matrix=2048, images=64, channels=64, pixels=56, chunk=1 << 25, chunks=4)


def probe(spec: TrialSpec, machine: Machine) -> Probe:
    """Times this machine for a trial and compares it with the calibration of machines like it, if the trial's project has one."""
    threads = spec.workload.threads
    expected = calibrated_speed(Project.of_workload(Path(spec.workload_path)).hardware, machine.fingerprint, threads)
    now = speed(threads, torch.device("cuda" if machine.accelerators else "cpu"))
    return Probe(speed=now, deviation=now / expected - 1 if expected else None)


def speed(threads: int, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> float:
    """Returns how often a second the machine does one matrix product, one convolution and one pass over memory, one after the other.

    Each kernel counts with its fastest of `REPEATS` repeats, so that what interrupts it (other programs, first calls) does not count; after
    `MAX_S` seconds no more are begun. The passes go round a buffer that is larger than the caches.

    Args:
        threads: how many of the CPU's threads torch may use; as many as the trial.
        device: what the trial computes on.
        clock: seconds.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            return _rate(_kernels(GPU if device.type == "cuda" else CPU, device), device, clock)
    finally:
        torch.set_num_threads(before)


def _rate(kernels: tuple[Callable[[], object], ...], device: torch.device, clock: Callable[[], float]) -> float:
    wait = torch.cuda.synchronize if device.type == "cuda" else _done
    fastest = [float("inf")] * len(kernels)
    began = clock()
    for _ in range(REPEATS):
        for number, kernel in enumerate(kernels):
            wait()
            started = clock()
            kernel()
            wait()
            fastest[number] = min(fastest[number], clock() - started)
        if clock() - began > MAX_S:
            break
    return 1 / sum(fastest)


def _kernels(sizes: Sizes, device: torch.device) -> tuple[Callable[[], object], ...]:
    square = torch.full((sizes.matrix, sizes.matrix), 0.5, device=device)
    images = torch.full((sizes.images, sizes.channels, sizes.pixels, sizes.pixels), 0.5, device=device)
    filters = torch.full((2 * sizes.channels, sizes.channels, 3, 3), 0.5, device=device)
    chunks = cycle(torch.ones(sizes.chunks * sizes.chunk, device=device).split(sizes.chunk))

    def product() -> Tensor:
        return torch.mm(square, square)

    def convolution() -> Tensor:
        return torch.nn.functional.conv2d(images, filters, padding=1)

    def memory() -> Tensor:
        return next(chunks).mul_(1.0)

    return product, convolution, memory


def _done() -> None:
    """A CPU has done a kernel when the call returns."""
