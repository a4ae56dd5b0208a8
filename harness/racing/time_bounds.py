"""Bounds on the median over studies while trials still run. Pure functions; the proofs are in docs/racing.md.

The time to the target of a trial, a study or a median is known to lie between `low` and `high`; infinite means never. A study takes its
fastest trial; the median of an even number of studies is the mean of the middle two (`harness.score.times.middle_places`).
"""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from harness.score.times import middle_places


class TimeBounds(NamedTuple):
    """Bounds on a time to the target, on the board's clock: at `low` or later, at `high` or earlier."""

    low: float
    high: float


UNKNOWN = TimeBounds(0.0, inf)
NEVER = TimeBounds(inf, inf)


def reached(time: float) -> TimeBounds:
    """A trial that reached the target at this time."""
    return TimeBounds(time, time)


def running(time: float) -> TimeBounds:
    """A trial that has not reached the target up to this time, and may yet."""
    return TimeBounds(time, inf)


def study(trials: Sequence[TimeBounds]) -> TimeBounds:
    """What is known of a study: its fastest trial; without trials never."""
    return TimeBounds(min((t.low for t in trials), default=inf), min((t.high for t in trials), default=inf))


def median(studies: Sequence[TimeBounds]) -> TimeBounds:
    """What is known of the median over studies; never where there is none."""
    return TimeBounds(_median([s.low for s in studies]), _median([s.high for s in studies]))


def _median(values: list[float]) -> float:
    if not values:
        return inf
    ordered = sorted(values)
    low, high = middle_places(len(values))
    return (ordered[low] + ordered[high]) / 2


def smallest_change(time: float, rest: float, others: Sequence[TimeBounds]) -> float:
    """The smallest median at which it can matter whether one trial reaches its target, at `time` or later, or never does.

    `rest` is the latest time of its study without it, `others` are the other studies. Infinite: the median is settled, whatever it does.
    """
    lows, highs = sorted(s.low for s in others), sorted(s.high for s in others)
    first, second = middle_places(len(others) + 1)
    below = lows[first - 1] if first else -inf
    above = highs[second] if second < len(highs) else inf
    if max(time, below) >= min(rest, above):
        return inf
    if first == second:
        return max(time, below)
    lower = min(max(time, below), lows[first])
    return (lower + max(time, lows[first])) / 2
