"""How sure a board is: replicates of its median times, and the intervals and rank probabilities that follow.

The studies of a cell (a submission on a workload) are the units that were drawn independently, so they are what is drawn again, each with
its own trials as they were drawn (Davison & Hinkley 1997, "Bootstrap Methods and their Application", section 3.8). Few studies need care
in three places, and `docs/scoring.md` shows how the result covers:

* three hits of three do not prove a target that is mostly met. How often studies hit is drawn from Beta(hits + a, misses + a) with `a`
  learned from the board: how often two studies of one cell disagree (`prior_weight`). Where they never do, a is 0 and nothing is added.
* the median of two resampled studies varies half as much as it should: its deviations are scaled.
* the best of several noisy times is too good, so that scores of near-equal entries are too low: `optimistic_ratios` asks what the score
  would be if all that cannot be told from the best were as good.

Shape letters as in `profiles`; R replicates, K studies.
"""

import math

import numpy as np

from harness.score.board import UNKNOWN, Interval
from harness.score.profiles import ranks
from harness.score.times import Floats, median

LEVEL = 0.95
TIE_ERRORS = 3.0


def prior_weight(study_times_SWK: Floats) -> float:
    """The weight `a` of a Beta(a, a) prior for how often a cell's studies hit, from how often two studies of one cell disagree.

    Under that prior two studies disagree with probability d = a / (2 a + 1), so a = d / (1 - 2 d); at most 1 (the uniform prior).
    """
    present = ~np.isnan(study_times_SWK)
    hits, studies = np.isfinite(study_times_SWK).sum(axis=-1), present.sum(axis=-1)
    pairs = (studies * (studies - 1)).sum() / 2
    share = (hits * (studies - hits)).sum() / pairs if pairs else 0.0
    return float(share / (1 - 2 * share)) if share < 1 / 3 else 1.0


def replicate_medians(study_times_SWK: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    """Draws as many studies for each cell as it has, with replacement; returns the replicates' median times [R, S, W].

    How often a cell hits is drawn from its Beta distribution. Where that is at most half, the median is a miss; elsewhere the share that
    misses is infinite and the rest take the times of the cell's hits, or of the slowest entry on the workload where it has none.
    """
    shape = study_times_SWK.shape
    present, hit = ~np.isnan(study_times_SWK), np.isfinite(study_times_SWK)
    studies, hits = present.sum(axis=-1), hit.sum(axis=-1)
    slowest = np.where(hit, study_times_SWK, -np.inf).max(axis=(0, 2), initial=-np.inf)
    ordered = np.sort(np.where(hit, study_times_SWK, np.inf), axis=-1)
    ordered = np.where((hits == 0)[..., None], np.where(np.isfinite(slowest), slowest, np.inf)[:, None], ordered)

    drawn = (rng.random((replicates, *shape)) * np.maximum(hits, 1)[..., None]).astype(np.int64)
    times = np.take_along_axis(np.broadcast_to(ordered, drawn.shape), drawn, axis=-1)
    weight = prior_weight(study_times_SWK)
    if weight > 0:
        chance = rng.beta(hits + weight, studies - hits + weight, (replicates, *shape[:2]))
        misses = np.minimum(np.round(studies * (1 - chance)), (studies - 1) // 2)
        misses = np.where(chance > 0.5, misses, studies)
    else:
        misses = np.broadcast_to(np.where(hits > 0, 0, studies), (replicates, *shape[:2]))
    number = np.arange(shape[-1])
    times[number < misses[..., None]] = np.inf
    times[:, number >= studies[..., None]] = np.nan
    medians = median(times)
    if (studies == 2).any():
        centre = median(study_times_SWK)
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = centre * (medians / centre) ** np.sqrt(2)
        medians = np.where((studies == 2) & np.isfinite(scaled), scaled, medians)
    return medians


def log_variances(times_RSW: Floats) -> Floats:
    """The variance of each log median time over the replicates in which it is finite, [S, W]; 0 where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(times_RSW)
    finite = np.isfinite(logs)
    count = np.maximum(finite.sum(axis=0), 1)
    mean = np.where(finite, logs, 0).sum(axis=0) / count
    return (np.where(finite, logs - mean, 0) ** 2).sum(axis=0) / count


def freedom(study_times_SWK: Floats) -> Floats:
    """The degrees of freedom behind each cell's spread, [S, W]: its hits less one."""
    return np.maximum(np.isfinite(study_times_SWK).sum(axis=-1) - 1, 0).astype(np.float64)


def student_quantile(degrees: float) -> float:
    """The two-sided 95 % quantile of Student's t; NaN with less than one degree of freedom."""
    from scipy.special import stdtrit  # here: it takes as long to import as a small board to score

    return float(stdtrit(degrees, (1 + LEVEL) / 2)) if degrees >= 1 else math.nan


def mean_ratio_interval(log_ratio: float, variance: float, degrees: float) -> Interval:
    """The 95 % interval of a ratio whose log has this variance, by Student's t; unknown without degrees of freedom."""
    half = student_quantile(degrees) * math.sqrt(variance)
    return UNKNOWN if math.isnan(half) else Interval(math.exp(log_ratio - half), math.exp(log_ratio + half))


def bands(samples_R: Floats) -> Floats:
    """Lower and upper edges [2, ...] of the percentile intervals of samples [R, ...]."""
    return np.quantile(samples_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def profile_bands(ratios_RB: Floats, taus_T: Floats) -> tuple[Floats, Floats]:
    """The pointwise 95 % band of one submission's profile at every tau, [T] each.

    A profile is at least j / B at tau where the j-th smallest ratio is at most tau, so sorting finds all quantiles at once.
    """
    ordered_RB = np.sort(np.sort(ratios_RB, axis=1), axis=0)
    share_BT = np.stack([np.searchsorted(column, taus_T, side="right") for column in ordered_RB.T]) / len(ratios_RB)
    return (share_BT >= (1 + LEVEL) / 2).mean(axis=0), (share_BT > (1 - LEVEL) / 2).mean(axis=0)


def optimistic_ratios(ratios_SB: Floats, ratios_RSB: Floats, variances_SB: Floats, freedom_SB: Floats) -> Floats:
    """The replicates' ratios with 1 wherever the observed ratio is within three standard errors of a tie with the best, [R, S, B].

    The error of a log median is pooled over the submissions on a workload. With few degrees of freedom three normal errors become as many
    of Student's t (the first term of its Cornish-Fisher expansion).
    """
    known = freedom_SB > 0
    variance_B = np.where(known, variances_SB, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    errors_B = TIE_ERRORS + (TIE_ERRORS**3 + TIE_ERRORS) / (4 * np.maximum(freedom_SB.sum(axis=0), 1))
    with np.errstate(divide="ignore"):
        tied = np.log(ratios_SB) <= errors_B * np.sqrt(2 * variance_B)
    return np.where(tied & np.isfinite(ratios_RSB), 1.0, ratios_RSB)


def score_intervals(score_S: Floats, score_RS: Floats, optimistic_RS: Floats) -> list[Interval]:
    """The 95 % interval of every score: from the percentile of the replicates to that of the optimistic ones, the score itself included."""
    if not len(score_RS):
        return [UNKNOWN] * len(score_S)
    low, high = bands(score_RS)[0], bands(optimistic_RS)[1]
    return [Interval(float(a), float(b)) for a, b in zip(np.minimum(low, score_S), np.maximum(high, score_S), strict=True)]


def rank_probabilities(scores_RS: Floats) -> Floats:
    """The share of replicates in which a submission has each rank, [S, S]; tied submissions share their ranks evenly."""
    submissions = scores_RS.shape[-1]
    first = ranks(scores_RS) - 1
    probabilities = np.zeros((submissions, submissions))
    ties = (first[..., None, :] == first[..., :, None]).sum(axis=-1)
    owners = np.broadcast_to(np.arange(submissions), first.shape)
    for tied in np.unique(ties):
        chosen = ties == tied
        for offset in range(tied):
            np.add.at(probabilities, (owners[chosen], first[chosen] + offset), 1 / tied)
    return probabilities / len(scores_RS)
