"""Times to scores: the variant chain, performance ratios, profiles and their integral.

Performance profiles: Dolan & Moré 2002, "Benchmarking optimization software with performance profiles", Mathematical Programming 91.
Their normalised integral over tau in [1, 4] as a score, and the held-out variants: Dahl et al. 2023, "Benchmarking Neural Network
Training Algorithms", section 4. Shape letters: S submissions, W workloads, B base workloads, T taus; dots are leading axes, such as
bootstrap replicates. All functions are pure.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.score.results import Rules
from harness.score.times import Floats

MAX_TAU = 4.0
Time = TypeVar("Time", float, Floats)
ALGOPERF_TAUS = 100


def apply_chain(times_SW: Floats, bases_W: NDArray[np.int64]) -> Floats:
    """Makes base workloads and their held-out variants depend on each other; returns the times on the base workloads, [..., S, B].

    In this order, which matters: a variant's time is infinite where its base was not reached; in every column a time above 4 x the
    smallest is infinite; a base's time is infinite where one of its variants is. A missing time (NaN) is infinite throughout.
    `bases_W` is as in `TimesTable`.
    """
    times = np.where(np.isnan(times_SW), np.inf, times_SW)
    variants = [w for w, base in enumerate(bases_W) if base not in (w, -1)]
    for w in variants:
        times[..., w] = np.where(np.isinf(times[..., bases_W[w]]), np.inf, times[..., w])
    best = times.min(axis=-2, keepdims=True)
    times[is_cut(times, best)] = np.inf
    for w in variants:
        times[..., bases_W[w]] = np.where(np.isinf(times[..., w]), np.inf, times[..., bases_W[w]])
    return times[..., bases_W == np.arange(len(bases_W))]


def is_cut(time: Time, best: Time) -> Any:
    """Whether a time is too far from the smallest one on its workload to count; also of arrays."""
    return time > MAX_TAU * best


def performance_ratios(times_SB: Floats) -> Floats:
    """Each time divided by the smallest of its workload, [..., S, B]: 1 for the best, infinite for a miss."""
    best = times_SB.min(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = times_SB / best
    # 0 / 0 is a tie for the best; infinite / infinite is a workload that nobody reached
    return np.where(np.isinf(times_SB), np.inf, np.where(times_SB == best, 1.0, ratios))


def exact_score(ratios_SB: Floats) -> Floats:
    """The integral of the profile over tau in [1, 4], divided by 3: the mean of (4 - ratio) / 3, 0 where the ratio is above 4. [..., S]."""
    return np.clip((MAX_TAU - ratios_SB) / (MAX_TAU - 1), 0.0, 1.0).mean(axis=-1)


def profile(ratios_SB: Floats, taus_T: Floats) -> Floats:
    """The share of workloads with a ratio of at most tau, [..., S, T]."""
    ordered = np.sort(ratios_SB, axis=-1)
    return (ordered[..., None, :] <= taus_T[:, None]).mean(axis=-1)


def trapezoid_score(ratios_SB: Floats) -> Floats:
    """The reference's score: the profile at 100 evenly spaced taus in [1, 4], trapezoid rule, divided by 3. [..., S]."""
    taus = np.linspace(1.0, MAX_TAU, ALGOPERF_TAUS)
    return np.asarray(np.trapezoid(profile(ratios_SB, taus), taus, axis=-1)) / (MAX_TAU - 1)


def scores(times_SW: Floats, bases_W: NDArray[np.int64], rules: Rules) -> Floats:
    """The score of every submission from its median times, [..., S]."""
    ratios = performance_ratios(apply_chain(times_SW, bases_W))
    return exact_score(ratios) if rules == "finishline" else trapezoid_score(ratios)


def ranks(scores_S: Floats) -> NDArray[np.int64]:
    """The rank of every score, 1 for the highest; equal scores share the better rank. [..., S].

    Scores that differ by less than 1e-12 are equal: that much is rounding.
    """
    rounded = np.round(scores_S, 12)
    ordered = np.sort(-rounded, axis=-1)
    if rounded.ndim == 1:
        return np.searchsorted(ordered, -rounded, side="left") + 1
    return 1 + (rounded[..., None, :] > rounded[..., :, None]).sum(axis=-1)
