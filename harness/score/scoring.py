"""From results to a board: the one function that puts the parts together."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

import numpy as np

from harness.errors import UserError, suggest
from harness.score.board import UNKNOWN, Board, Cell, Entry, Interval, ProfileBands, ScoreOptions, Speedup
from harness.score.cells import cells
from harness.score.moves import moves
from harness.score.pairwise import pairs, speedup
from harness.score.profiles import apply_chain, exact_score, performance_ratios, profile, ranks, trapezoid_score
from harness.score.quirks import quirks
from harness.score.results import Clock, Results, Rules, Trial
from harness.score.sensitivity import shifts
from harness.score.times import Floats, median, tabulate
from harness.score.uncertainty import (
    bands,
    freedom,
    log_variances,
    optimistic_ratios,
    rank_probabilities,
    replicate_medians,
    score_intervals,
)

RULESET_STUDIES = 3
TAUS = np.round(np.arange(100, 401) / 100, 2)


def score_board(results: Results, options: ScoreOptions | None = None) -> Board:
    """Scores results: scores, intervals, ranks, pairs, sensitivity and the reasons behind each number.

    Raises:
        UserError: mixed results without `allow_mixed`, an unknown reference submission, a clock that was not recorded.
    """
    options = options or ScoreOptions()
    _check(results, options)
    table = tabulate(results, options.clock, options.rules)
    times_SW = median(table.study_times_SWK)
    ratios_SB = performance_ratios(apply_chain(times_SW, table.bases_W))
    integrate = exact_score if options.rules == "finishline" else trapezoid_score
    score_S = integrate(ratios_SB)
    reference = _reference(options.reference, table.submissions, score_S)

    replicates = options.bootstrap if (~np.isnan(table.study_times_SWK)).sum(axis=-1).max(initial=0) > 1 else 0
    rng = np.random.default_rng(options.seed)
    times_RSW = replicate_medians(table.study_times_SWK, replicates, rng) if replicates else np.empty((0, *times_SW.shape))
    ratios_RSB = performance_ratios(apply_chain(times_RSW, table.bases_W))
    score_RS = integrate(ratios_RSB)
    columns = table.base_columns
    variances_SW, freedom_SW = log_variances(times_RSW), freedom(table.study_times_SWK)
    hopeful_RSB = optimistic_ratios(ratios_SB, ratios_RSB, variances_SW[:, columns], freedom_SW[:, columns])
    intervals = score_intervals(score_S, score_RS, integrate(hopeful_RSB))
    several_S = (~np.isnan(table.study_times_SWK)).sum(axis=-1).max(axis=-1) > 1
    probability_SS = rank_probabilities(score_RS) if replicates else np.full((len(score_S), len(score_S)), np.nan)

    rank_S = ranks(score_S)
    order = sorted(range(len(rank_S)), key=lambda s: (rank_S[s], table.submissions[s]))
    all_cells = cells(results, table, times_SW, ratios_SB)
    steps_SW, no_variance_SB = median(table.study_steps_SWK), np.zeros((len(score_S), len(columns)))
    r = table.submissions.index(reference)
    trials: dict[str, list[Trial]] = {name: [] for name in table.submissions}
    for trial in results.trials:
        trials[trial.submission].append(trial)
    entries = tuple(
        _entry(
            int(rank_S[s]),
            table.submissions[s],
            float(score_S[s]),
            intervals[s] if several_S[s] else UNKNOWN,
            (int(np.isfinite(times_SW[s, table.base_columns]).sum()), int(np.isfinite(ratios_SB[s]).sum())),
            speedup(times_SW[:, columns], variances_SW[:, columns], freedom_SW[:, columns], s, r),
            speedup(steps_SW[:, columns], no_variance_SB, no_variance_SB, s, r),
            tuple(probability_SS[s].tolist()),
            trials[table.submissions[s]],
            (~np.isnan(table.study_times_SWK[s])).sum(axis=-1),
            results,
        )
        for s in order
    )
    taus = np.unique(np.concatenate([TAUS, ratios_SB[np.isfinite(ratios_SB)]]))
    return Board(
        results.source,
        results.ruleset,
        options,
        reference,
        results.workloads,
        entries,
        _in_order(all_cells, order, len(table.workloads)),
        _profiles(ratios_SB[order], ratios_RSB[:, order], taus),
        pairs(table, times_SW, variances_SW, order),
        shifts(table, times_SW, options.rules),
        moves(results, options.clock) if results.source == "algoperf" else (),
        (*results.notes, *quirks(results, table), *_notes(replicates, options)),
        results.differences,
    )


def _check(results: Results, options: ScoreOptions) -> None:
    for name, value, known in (("clock", options.clock, get_args(Clock)), ("rules", options.rules, get_args(Rules))):
        if value not in known:
            raise UserError(f"{name}={value}: it is one of {', '.join(known)}{suggest(str(value), known)}")
    for name, number in (("bootstrap", options.bootstrap), ("seed", options.seed)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise UserError(
                f"{name}={number}: give a whole number of at least 0" + ("; 0 means no intervals" if name == "bootstrap" else "")
            )
    if not isinstance(options.allow_mixed, bool):
        raise UserError(f"allow_mixed={options.allow_mixed}: it is true or false")
    if results.differences and not options.allow_mixed:
        listed = "; ".join(results.differences)
        raise UserError(f"these results do not belong on one board: {listed}; score them apart, or mark the board with allow_mixed=true")
    if results.source == "algoperf" and options.clock == "cpu_time":
        raise UserError("clock=cpu_time: AlgoPerf logs have no CPU seconds; score on time or steps")


def _reference(wanted: str | None, submissions: tuple[str, ...], score_S: Floats) -> str:
    if wanted is not None and wanted not in submissions:
        raise UserError(f"reference={wanted}: no such submission on this board{suggest(wanted, submissions)}")
    known = next((name for name in ("nadamw", "baseline") if name in submissions), None)
    return wanted or known or submissions[int(score_S.argmax())]


def _entry(
    rank: int,
    submission: str,
    score: float,
    score_interval: Interval,
    workloads: tuple[int, int],
    speedup: Speedup,
    step_speedup: Speedup,
    probabilities: tuple[float, ...],
    trials: list[Trial],
    studies_W: np.ndarray,
    results: Results,
) -> Entry:
    run = studies_W[studies_W > 0]
    return Entry(
        rank,
        submission,
        score,
        score_interval,
        *workloads,
        speedup,
        step_speedup,
        probabilities,
        (int(run.min(initial=10**9)) if len(run) else 0, int(run.max(initial=0))),
        len(trials),
        sum(trial.hit is not None for trial in trials),
        "+".join(sorted({trial.sandbox for trial in trials if trial.sandbox})),
        max((trial.host_memory_bytes for trial in trials), default=0),
        max((trial.device_memory_bytes for trial in trials), default=0),
        tuple(_marks(trials, studies_W, results)),
    )


def _marks(trials: list[Trial], studies_W: np.ndarray, results: Results) -> Iterator[str]:
    """What a reader must know before believing the row."""
    if results.differences:
        yield "mixed board"
    if any(trial.sandbox == "none" for trial in trials):
        yield "no sandbox"
    verdicts = Counter(trial.verdict for trial in trials)
    if verdicts["unfinished"]:
        yield f"{verdicts['unfinished']} trials unfinished"
    if verdicts["rejected"]:
        yield f"{verdicts['rejected']} trials rejected"
    run = studies_W[studies_W > 0]
    if len(run) and run.min() < RULESET_STUDIES:
        yield f"{run.min()} of {RULESET_STUDIES} studies"
    if (studies_W == 0).any():
        yield f"{int((studies_W == 0).sum())} workloads not run"


def _in_order(rows: tuple[Cell, ...], order: list[int], workloads: int) -> tuple[Cell, ...]:
    return tuple(row for s in order for row in rows[s * workloads : (s + 1) * workloads])


def _profiles(ratios_SB: Floats, ratios_RSB: Floats, taus: Floats) -> ProfileBands:
    rho = profile(ratios_SB, taus)
    low, high = bands(profile(ratios_RSB, taus)) if len(ratios_RSB) else (np.full(rho.shape, np.nan),) * 2
    return ProfileBands(taus, rho, low, high)


def _notes(replicates: int, options: ScoreOptions) -> Iterator[str]:
    if options.bootstrap and not replicates:
        yield "one study in every cell: nothing is known about the spread between studies, so there are no intervals"
