"""Schedules against their formulas at t = 1, uT, T/2, T, T + 1."""

import math

import pytest
import torch

from harness.schedules import TAIL_RATE, Schedule, warmup_then_cosine, warmup_then_linear


def rates(make: object, warmup: float, horizon: int, steps: int) -> list[tuple[float, float]]:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (2.0, 0.5)]
    optimizer = torch.optim.SGD(groups)
    schedule: Schedule = make(optimizer, warmup, horizon)
    seen = []
    for _ in range(steps):
        seen.append(tuple(group["lr"] for group in optimizer.param_groups))
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_linear(warmup: float) -> None:
    horizon, w = 100, round(warmup * 100)
    seen = [lr for lr, _ in rates(warmup_then_linear, warmup, horizon, 102)]
    for t in (w + 1, 50, 99):
        assert seen[t - 1] == pytest.approx(2 * (horizon - t) / (horizon - w))
    if w:
        assert seen[0] == pytest.approx(2 / w)
        assert seen[w - 1] == 2
    assert seen[horizon - 1] == 0
    assert seen[horizon] == pytest.approx(2 * TAIL_RATE)
    assert sum(seen[:horizon]) == pytest.approx(2 * horizon / 2 - (0 if w else 1))


def test_cosine() -> None:
    seen = [lr for lr, _ in rates(warmup_then_cosine, 0.1, 100, 102)]
    for t in (11, 50, 99):
        assert seen[t - 1] == pytest.approx(1 + math.cos(math.pi * (t - 10) / 90))
    assert seen[99] == pytest.approx(0, abs=1e-12)
    assert seen[100] == pytest.approx(2 * TAIL_RATE)


def test_ratios_between_groups_survive() -> None:
    assert all(fast == pytest.approx(4 * slow) for fast, slow in rates(warmup_then_cosine, 0.1, 50, 52))


def test_a_rate_can_be_asked_without_an_optimizer() -> None:
    schedule = warmup_then_linear(None, 0.1, 100)
    assert [schedule.rate(t) for t in (1, 10, 55, 100, 101)] == pytest.approx([0.1, 1, 0.5, 0, TAIL_RATE])
    schedule.step()
    assert schedule.t == 2


def test_an_endless_schedule_is_never_finished() -> None:
    schedule = Schedule(None, 0.1, 10, lambda progress: 1.0, endless=True)
    for _ in range(100):
        schedule.step()
    assert schedule.rate(101) == 1
    assert not schedule.finished


def test_finished_after_the_tail() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = warmup_then_linear(optimizer, 0.05, 100)
    steps = 0
    while not schedule.finished:
        optimizer.step()
        schedule.step()
        steps += 1
    assert steps == 105
