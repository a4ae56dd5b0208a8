"""The CSV files of a board: each column is declared once, with its unit, its meaning and how its value is found.

`docs/scoring.md` prints these tables; tests hold both to each other.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harness.score.board import Board, Cell, Entry, LeaveOneOut, Pair, Study
from harness.score.results import ScoredWorkload

Row = TypeVar("Row")
Value = str | int | float


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column. An empty cell is an unknown value; `inf` is a target that was not reached."""

    name: str
    unit: str
    meaning: str
    get: Callable[[Board, Row], Value]


@dataclass(frozen=True)
class Table(Generic[Row]):
    """One file: its rows, in a stable order, and its columns."""

    rows: Callable[[Board], Iterable[Row]]
    columns: tuple[Column[Row], ...]

    def values(self, board: Board) -> Iterator[list[Value]]:
        """Yields the cells of each row."""
        for row in self.rows(board):
            yield [column.get(board, row) for column in self.columns]


@dataclass(frozen=True, slots=True)
class ProfilePoint:
    """One point of a submission's performance profile, with its 95 % band."""

    submission: str
    tau: float
    rho: float
    low: float
    high: float


def _profile_points(board: Board) -> Iterator[ProfilePoint]:
    bands = board.profiles
    taus = bands.taus_T.tolist()
    for s, entry in enumerate(board.entries):
        for values in zip(taus, bands.rho_ST[s].tolist(), bands.low_ST[s].tolist(), bands.high_ST[s].tolist(), strict=True):
            yield ProfilePoint(entry.submission, *values)


def _info(board: Board, cell: Cell) -> ScoredWorkload:
    return next(info for info in board.workloads if info.name == cell.workload)


CLOCK = "clock"  # s, steps or CPU s: the board's clock

LEADERBOARD = Table[Entry](
    lambda board: board.entries,
    (
        Column("rank", "", "1 is best; equal scores share a rank", lambda _, e: e.rank),
        Column("submission", "", "name of the submission", lambda _, e: e.submission),
        Column("ruleset", "", "ruleset of its trials", lambda b, _: b.ruleset),
        Column("rules", "", "rule of scoring: finishline or algoperf", lambda b, _: b.options.rules),
        Column("clock", "", "what times are measured in: time (s), steps, cpu_time (CPU s)", lambda b, _: b.options.clock),
        Column("score", "0 to 1", "integral of the performance profile over tau in [1, 4], divided by 3", lambda _, e: e.score),
        Column("score_time", "0 to 1", "score of the same trials on the clock `time`", lambda _, e: e.clock_scores["time"]),
        Column("score_steps", "0 to 1", "on the clock `steps`", lambda _, e: e.clock_scores["steps"]),
        Column(
            "score_cpu_time",
            "0 to 1",
            "on the clock `cpu_time`; empty where CPU seconds were not recorded in full",
            lambda _, e: e.clock_scores["cpu_time"],
        ),
        Column("score_low", "0 to 1", "lower end of the score's 95 % interval", lambda _, e: e.interval.low),
        Column("score_high", "0 to 1", "upper end of it", lambda _, e: e.interval.high),
        Column("workloads", "workloads", "base workloads on the board", lambda b, _: sum(not info.variant_of for info in b.workloads)),
        Column("workloads_reached", "workloads", "base workloads whose median study reached the target", lambda _, e: e.reached),
        Column(
            "workloads_counted",
            "workloads",
            "of these, those that add to the score: variants reached too, within 4 x the best",
            lambda _, e: e.counted,
        ),
        Column(
            "geomean_speedup",
            "ratio",
            "geometric mean of reference's time / its time on the base workloads that both reached; above 1 is faster",
            lambda _, e: e.speedup.ratio,
        ),
        Column("speedup_low", "ratio", "lower end of its 95 % interval", lambda _, e: e.speedup.interval.low),
        Column("speedup_high", "ratio", "upper end of it", lambda _, e: e.speedup.interval.high),
        Column(
            "speedup_workloads", "workloads", "workloads that both reached: what the speed-up rests on", lambda _, e: e.speedup.workloads
        ),
        Column("speedup_reference", "", "the reference submission", lambda b, _: b.reference),
        Column("geomean_speedup_steps", "ratio", "the same in steps", lambda _, e: e.step_speedup.ratio),
        Column(
            "p_first",
            "probability",
            "share of bootstrap replicates in which it is first; ties are shared",
            lambda _, e: e.rank_probabilities[0],
        ),
        Column(
            "rank_probabilities",
            "probabilities",
            "share of replicates for rank 1, 2, ..., separated by spaces",
            lambda _, e: " ".join(f"{p:.4f}" for p in e.rank_probabilities if not math.isnan(p)),
        ),
        Column("studies_min", "studies", "fewest studies on a workload that it ran", lambda _, e: e.studies[0]),
        Column("studies_max", "studies", "most studies on a workload", lambda _, e: e.studies[1]),
        Column("trials", "trials", "trials planned or found, those without a record included", lambda _, e: e.trials),
        Column("trials_reached", "trials", "trials that reached the target", lambda _, e: e.trials_reached),
        Column(
            "host_memory_bytes", "B", "largest resident memory of a trial; empty if not recorded", lambda _, e: e.host_memory_bytes or ""
        ),
        Column(
            "device_memory_bytes", "B", "largest accelerator memory of a trial; empty if none", lambda _, e: e.device_memory_bytes or ""
        ),
        Column("sandbox", "", "what its trials ran in: bwrap, bwrap+network, none, or several of them", lambda _, e: e.sandbox),
        Column(
            "signature",
            "",
            "of each ledger: 'signed by SHA256:...', 'not signed', or 'SIGNATURE BROKEN' and why; separated by '; '",
            lambda b, _: b.signature,
        ),
        Column(
            "digest",
            "",
            "sha256 over plan and records of each ledger that the board was made from, separated by spaces",
            lambda b, _: b.digest,
        ),
        Column("marks", "", "what to know before believing the row, separated by '; '", lambda _, e: "; ".join(e.marks)),
    ),
)

TIMES = Table[Cell](
    lambda board: board.cells,
    (
        Column("submission", "", "name of the submission, in rank order", lambda _, c: c.submission),
        Column("workload", "", "name of the workload", lambda _, c: c.workload),
        Column("variant_of", "", "base workload of a held-out variant, else empty", lambda b, c: _info(b, c).variant_of),
        Column("median_time", CLOCK, "median over studies, misses as inf; empty: not run", lambda _, c: c.median),
        Column("median_seconds", "s", "the same in seconds", lambda _, c: c.median_s),
        Column("median_steps", "steps", "the same in steps", lambda _, c: c.median_steps),
        Column(
            "ratio_to_best",
            "ratio",
            "median / smallest median, after the variant rule and the cut at 4; inf: does not count; empty for variants",
            lambda _, c: c.ratio,
        ),
        Column("studies", "studies", "studies that were run", lambda _, c: len(c.study_times)),
        Column(
            "studies_reached", "studies", "studies that reached the target", lambda _, c: sum(math.isfinite(time) for time in c.study_times)
        ),
        Column("trials", "trials", "trials planned or found", lambda _, c: c.trials),
        Column(
            "verdicts",
            "trials",
            "trials by verdict, as 'missed=2 reached=1'",
            lambda _, c: " ".join(f"{verdict}={count}" for verdict, count in c.verdicts),
        ),
        Column("metric", "", "the workload's metric", lambda b, c: _info(b, c).metric),
        Column("target", "metric", "its target on the validation split", lambda b, c: _info(b, c).target),
        Column("best_metric", "metric", "best validation value of all trials", lambda _, c: c.best_metric),
        Column("why", "", "why studies missed, or why a reached workload does not count; empty if nothing is wrong", lambda _, c: c.why),
    ),
)

STUDIES = Table[Study](
    lambda board: board.studies,
    (
        Column("submission", "", "name of the submission, in rank order", lambda _, s: s.submission),
        Column("workload", "", "name of the workload", lambda _, s: s.workload),
        Column("study", "", "number of the study", lambda _, s: s.number),
        Column(
            "time_s", "s", "time to target of the trial that counts, the fastest on the board's clock; inf: missed", lambda _, s: s.time_s
        ),
        Column("steps", "steps", "the same trial's steps", lambda _, s: s.steps),
        Column("cpu_time_s", "CPU s", "the same trial's CPU seconds; empty if not recorded", lambda _, s: s.cpu_time_s),
        Column("reached", "", "yes or no", lambda _, s: "yes" if s.reached else "no"),
        Column("verdict", "", "'reached', else the verdicts of its trials, joined by '+'", lambda _, s: s.verdict),
        Column(
            "overlap_s",
            "s",
            "in which another trial of this board ran on the same machine (missed: summed over its trials); empty if not recorded",
            lambda _, s: s.overlap_s,
        ),
    ),
)

PROFILES = Table[ProfilePoint](
    lambda board: _profile_points(board),
    (
        Column("submission", "", "name of the submission, in rank order", lambda _, p: p.submission),
        Column("tau", "ratio", "performance ratio: every 0.01 from 1 to 4, and wherever a profile jumps", lambda _, p: p.tau),
        Column(
            "rho",
            "0 to 1",
            "share of base workloads with a ratio of at most tau; a step function: it keeps its value up to the next row's tau",
            lambda _, p: p.rho,
        ),
        Column("rho_low", "0 to 1", "lower end of the pointwise 95 % band", lambda _, p: p.low),
        Column("rho_high", "0 to 1", "upper end of it", lambda _, p: p.high),
    ),
)

PAIRWISE = Table[Pair](
    lambda board: board.pairs,
    (
        Column("submission_a", "", "the better ranked one", lambda _, p: p.first),
        Column("submission_b", "", "the other", lambda _, p: p.second),
        Column(
            "ratio",
            "ratio",
            "geometric mean of a's time / b's on the base workloads that both reached; below 1: a is faster",
            lambda _, p: p.ratio,
        ),
        Column(
            "ratio_low", "ratio", "lower end of its 95 % interval on these workloads (spread between studies)", lambda _, p: p.interval.low
        ),
        Column("ratio_high", "ratio", "upper end of it", lambda _, p: p.interval.high),
        Column(
            "ratio_low_elsewhere",
            "ratio",
            "lower end of the 95 % interval for other workloads like these (spread over workloads)",
            lambda _, p: p.elsewhere.low,
        ),
        Column("ratio_high_elsewhere", "ratio", "upper end of it", lambda _, p: p.elsewhere.high),
        Column("workloads_both", "workloads", "workloads that both reached", lambda _, p: p.workloads),
        Column("workloads_only_a", "workloads", "workloads that only a reached", lambda _, p: p.only_first),
        Column("workloads_only_b", "workloads", "workloads that only b reached", lambda _, p: p.only_second),
        Column(
            "p",
            "probability",
            "exact, two-sided, of such a difference in times or in targets reached if a and b were equal; by workload, misses are evidence",
            lambda _, p: p.p,
        ),
        Column("p_adjusted", "probability", "p allowing for all pairs of the board", lambda _, p: p.p_adjusted),
        Column(
            "verdict",
            "",
            "'A faster than B', 'A reaches more than B', the same of B and A, or 'not distinguishable' (p_adjusted above 0.05)",
            lambda _, p: p.verdict,
        ),
    ),
)

SENSITIVITY = Table[LeaveOneOut](
    lambda board: board.leave_one_out,
    (
        Column("left_out_kind", "", "workload or submission", lambda _, s: s.kind),
        Column("left_out", "", "what is left out; a base workload takes its variants with it", lambda _, s: s.left_out),
        Column("submission", "", "a submission that stays", lambda _, s: s.submission),
        Column("score", "0 to 1", "its score then", lambda _, s: s.score),
        Column("score_change", "", "minus its score on the whole board", lambda _, s: s.score_change),
        Column("rank", "", "its rank then", lambda _, s: s.rank),
        Column("rank_change", "ranks", "minus its rank before among those that stay; negative is better", lambda _, s: s.rank_change),
    ),
)

FILES: dict[str, Table[Any]] = {
    "leaderboard.csv": LEADERBOARD,
    "times.csv": TIMES,
    "studies.csv": STUDIES,
    "profiles.csv": PROFILES,
    "pairwise.csv": PAIRWISE,
    "sensitivity.csv": SENSITIVITY,
}
