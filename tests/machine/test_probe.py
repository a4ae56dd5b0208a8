"""The speed probe: what it counts, that it runs before the runner, and what the record keeps of it. No test depends on a real time."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from benchmarks.kill import is_runner, toy_spec
from harness.ledger.record import read_record
from harness.machine import probe
from harness.machine.calibration import Calibration, write_calibration
from harness.machine.hardware import this_machine
from harness.trial.referee import run_trial
from tests.conftest import Silent, World
from tests.trial.test_resume import KilledAt

CPU = torch.device("cpu")


class Work:
    """A machine of which each kernel takes as long as is written down for its repeats; it is its own clock."""

    def __init__(self, *durations_s: list[float]) -> None:
        self.now_s = 100.0
        self.calls = [0] * len(durations_s)
        self.threads: set[int] = set()
        self._durations_s = durations_s

    def __call__(self) -> float:
        return self.now_s

    def kernels(self, *_: object) -> tuple[Callable[[], None], ...]:
        return tuple(lambda number=number: self._run(number) for number in range(len(self.calls)))

    def _run(self, number: int) -> None:
        durations_s = self._durations_s[number]
        self.now_s += durations_s[min(self.calls[number], len(durations_s) - 1)]
        self.calls[number] += 1
        self.threads.add(torch.get_num_threads())


def rate(work: Work, monkeypatch: pytest.MonkeyPatch, repeats: int = 3, threads: int = 1) -> float:
    monkeypatch.setattr(probe, "_kernels", work.kernels)
    monkeypatch.setattr(probe, "REPEATS", repeats)
    return probe.speed(threads, CPU, clock=work)


def test_each_kernel_counts_with_its_fastest_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work([0.03, 0.01, 0.02], [0.02, 0.05, 0.04], [0.07, 0.08, 0.05])
    assert rate(work, monkeypatch) == pytest.approx(1 / (0.01 + 0.02 + 0.05))
    assert work.calls == [3, 3, 3]


def test_a_slower_machine_has_a_smaller_figure_by_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rate(Work([0.02], [0.04]), monkeypatch) == pytest.approx(rate(Work([0.01], [0.02]), monkeypatch) / 2)


def test_what_interrupts_it_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    calm, busy = Work([0.01], [0.01]), Work([0.3, 0.01, 0.2], [0.01, 0.1, 0.1])
    assert rate(busy, monkeypatch) == pytest.approx(rate(calm, monkeypatch))


def test_it_ends_soon_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work([0.5], [0.1])
    assert rate(work, monkeypatch, repeats=1000) == pytest.approx(1 / 0.6)
    assert work.calls == [2, 2]


def test_it_uses_the_trials_threads_and_leaves_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    work = Work([0.01])
    rate(work, monkeypatch, threads=before + 1)
    assert work.threads == {before + 1}
    assert torch.get_num_threads() == before


def test_the_real_kernels_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < probe.speed(1, CPU) < float("inf")
    for kernel in probe._kernels(probe.CPU, CPU):
        assert torch.isfinite(kernel()).all()


def calibrate(world: World, speed: float, name: str = "mine", **changes: object) -> None:
    values = {
        "fingerprint": this_machine().fingerprint,
        "date": "2026-01-01T00:00:00+00:00",
        "submission": "toy_sgd",
        "source_hash": "0",
        "seed": 1,
        "versions": {},
        "budget_factor": 4.0,
        "probe": {1: speed},
        "workloads": {},
        **changes,
    }
    write_calibration(world.root / "configs" / "hardware", name, Calibration(**values))


def test_the_record_keeps_the_probe_made_before_the_runner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runners: list[list[psutil.Process]] = []

    def speed(threads: int, device: torch.device) -> float:
        runners.append(list(filter(is_runner, psutil.Process().children(recursive=True))))
        return 90.0

    monkeypatch.setattr(probe, "speed", speed)
    (segment,) = world.run(target=0.05).record.segments
    assert (segment.probe, segment.speed_deviation) == (90.0, None)
    calibrate(world, 100.0)
    calibrate(world, 200.0, "another", fingerprint="another machine")
    calibrate(world, 300.0, "older", date="2025-01-01T00:00:00+00:00")
    outcome = world.run(target=0.05, out="second")
    (segment,) = outcome.record.segments
    assert segment.probe == 90.0
    assert segment.speed_deviation == pytest.approx(-0.1)
    assert read_record(outcome.folder) == outcome.record
    assert runners == [[], []]


def test_each_segment_has_its_own_probe(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calibrate(world, 100.0)
    speeds = iter((80.0, 103.0))
    monkeypatch.setattr(probe, "speed", lambda threads, device: next(speeds))
    with pytest.raises(KeyboardInterrupt):
        run_trial(toy_spec(world, "none"), tmp_path / "trial", world.cache, KilledAt(3))
    record = run_trial(toy_spec(world, "none"), tmp_path / "trial", world.cache, Silent())
    assert [s.speed_deviation for s in record.segments] == pytest.approx([-0.2, 0.03])
