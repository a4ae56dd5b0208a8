"""From results to a board: the one function that puts the parts together."""

from collections import Counter
from collections.abc import Iterator
from math import isnan
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, suggest
from harness.score.board import Board, Cell, Entry, ProfileBands
from harness.score.cells import cells
from harness.score.clocks import clock_scores, why_not_recorded
from harness.score.diagnostics import diagnostics
from harness.score.estimate import Estimate, estimate
from harness.score.options import ScoreOptions
from harness.score.pairwise import pairs, speedup
from harness.score.profiles import profile, ranks
from harness.score.results import Clock, Results, Rules, Trial
from harness.score.rule_comparison import rule_changes
from harness.score.sensitivity import leave_one_out
from harness.score.studies import studies
from harness.score.times import Floats, TimesTable, median, tabulate
from harness.score.uncertainty import profile_bands

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
    found = estimate(table, options.rules, options.bootstrap, options.seed)
    rank_S = ranks(found.score_S)
    order = sorted(range(len(rank_S)), key=lambda s: (rank_S[s], table.submissions[s]))
    taus = np.unique(np.concatenate([TAUS, found.ratios_SB[np.isfinite(found.ratios_SB)]]))
    reference = _reference(options.reference, table.submissions, found.score_S)
    return Board(
        results.source,
        results.ruleset,
        options,
        reference,
        results.workloads,
        _entries(results, table, found, order, table.submissions.index(reference), options.rules),
        _in_order(cells(results, table, found.times_SW, found.ratios_SB), order, len(table.workloads)),
        studies(results, options.clock, options.rules, [table.submissions[s] for s in order]),
        _profiles(found.ratios_SB[order], found.ratios_RSB[:, order], taus[taus <= TAUS[-1]]),
        pairs(table, found.times_SW, found.variances_SW, order),
        leave_one_out(table, found.times_SW, options.rules),
        rule_changes(results, options.clock) if results.source == "algoperf" else (),
        (*results.notes, *diagnostics(results, table), *_notes(len(found.ratios_RSB), options)),
        results.differences,
        results.head,
        results.signature,
        results.digest,
        results.unsandboxed,
        results.provenance,
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
    for name, flag in (("allow_mixed", options.allow_mixed), ("allow_unsandboxed", options.allow_unsandboxed)):
        if not isinstance(flag, bool):
            raise UserError(f"{name}={flag}: it is true or false")
    if results.differences and not options.allow_mixed:
        listed = "; ".join(results.differences)
        raise UserError(f"these results do not belong on one board: {listed}; score them apart, or mark the board with allow_mixed=true")
    if results.unsandboxed and not options.allow_unsandboxed:
        raise UserError(
            f"{results.unsandboxed} of {len(results.trials)} trials ran with sandbox=none, of which nothing is promised: "
            "run them with sandbox=bwrap, or mark the board with allow_unsandboxed=true"
        )
    if why := why_not_recorded(results, options.clock):
        raise UserError(f"clock={options.clock}: {why}; score on time or steps")


def _reference(wanted: str | None, submissions: tuple[str, ...], score_S: Floats) -> str:
    if wanted is not None and wanted not in submissions:
        raise UserError(f"reference={wanted}: no such submission on this board{suggest(wanted, submissions)}")
    known = next((name for name in ("nadamw", "baseline") if name in submissions), None)
    return wanted or known or submissions[int(score_S.argmax())]


def _entries(results: Results, table: TimesTable, found: Estimate, order: list[int], reference: int, rules: Rules) -> tuple[Entry, ...]:
    columns, rank_S = table.base_columns, ranks(found.score_S)
    times_SB, steps_SB = found.times_SW[:, columns], median(table.study_steps_SWK)[:, columns]
    variances_SB, freedom_SB = found.variances_SW[:, columns], found.freedom_SW[:, columns]
    unknown_SB = np.zeros(times_SB.shape)
    on_clocks = clock_scores(results, rules)
    studies_SW = (~np.isnan(table.study_times_SWK)).sum(axis=-1)
    trials: dict[str, list[Trial]] = {name: [] for name in table.submissions}
    for trial in results.trials:
        trials[trial.submission].append(trial)
    entries = []
    for s in order:
        own, run = trials[table.submissions[s]], studies_SW[s][studies_SW[s] > 0]
        entries.append(
            Entry(
                int(rank_S[s]),
                table.submissions[s],
                float(found.score_S[s]),
                {clock: float(score_S[s]) for clock, score_S in on_clocks.items()},
                found.intervals[s],
                int(np.isfinite(times_SB[s]).sum()),
                int(np.isfinite(found.ratios_SB[s]).sum()),
                speedup(times_SB, variances_SB, freedom_SB, s, reference),
                speedup(steps_SB, unknown_SB, unknown_SB, s, reference),
                tuple(found.probability_SS[s].tolist()),
                (int(run.min()), int(run.max())) if len(run) else (0, 0),
                len(own),
                sum(trial.reached is not None for trial in own),
                "+".join(sorted({trial.sandbox for trial in own if trial.sandbox})),
                max((trial.host_memory_bytes for trial in own), default=0),
                max((trial.device_memory_bytes for trial in own), default=0),
                tuple(_marks(own, studies_SW[s], results)),
            )
        )
    return tuple(entries)


def _marks(trials: list[Trial], studies_W: NDArray[np.int64], results: Results) -> Iterator[str]:
    """What a reader must know before believing the row."""
    if results.differences:
        yield "mixed board"
    if results.unsandboxed:
        yield "no sandbox" if any(trial.sandbox == "none" for trial in trials) else "board with unsandboxed trials"
    if any(trial.sandbox.endswith("+network") for trial in trials):
        yield "network open"
    if off := sum(trial.speed_deviates for trial in trials):
        yield f"{off} trials off speed"
    if beside := sum(trial.shared_machine for trial in trials):
        known = [trial for trial in trials if not isnan(trial.overlap_s)]
        share = sum(trial.overlap_s for trial in known) / sum(trial.wall_s for trial in known)
        yield f"{beside} trials beside others ({share:.0%} of the time)"
    verdicts = Counter(trial.verdict for trial in trials)
    if verdicts["unfinished"]:
        yield f"{verdicts['unfinished']} trials without a record"
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
    if not len(ratios_RSB):
        return ProfileBands(taus, rho, np.full(rho.shape, np.nan), np.full(rho.shape, np.nan))
    edges = [profile_bands(ratios_RSB[:, s], taus) for s in range(len(rho))]
    return ProfileBands(taus, rho, np.stack([low for low, _ in edges]), np.stack([high for _, high in edges]))


def _notes(replicates: int, options: ScoreOptions) -> Iterator[str]:
    if options.bootstrap and not replicates:
        yield "one study in every cell: nothing is known about the spread between studies, so there are no intervals"
