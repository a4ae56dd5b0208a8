"""finishline replay: what racing would have saved on recorded AlgoPerf logs, and whether the board stays the same. Imports no torch."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from harness.base.output import new_console
from harness.commands.options import ReplayOptions
from harness.errors import UserError
from harness.ledger.paths import TrialKey
from harness.project.project import Project
from harness.racing.order import in_order, in_parallel, one_by_one, waves
from harness.racing.race import Guarantee
from harness.racing.replay import Order, RecordedTrial, RecordedTrials, ReplayedTrial, play
from harness.report.compare import TOLERANCE, differences, rows
from harness.score import Board, Results, ScoreOptions, read_algoperf, score_board
from harness.score.cut import clock_readings, first_rows

PLAIN_WIDTH = 140
POLICIES: dict[str, tuple[Order, Guarantee]] = {
    "in order": (in_order, "scores"),
    "all in parallel": (in_parallel, "scores"),
    "better order": (one_by_one, "scores"),
    "four waves": (waves, "scores"),
    "in order, rule 1": (in_order, "times"),
    "in parallel, rule 1": (in_parallel, "times"),
    "better order, rule 1": (one_by_one, "times"),
}
RULES = ("faster trial", "settled median", "cannot count")
COUNTS = " where it counts"
PROMISED: dict[str, tuple[str, ...]] = {
    "leaderboard.csv": ("rank", "submission", "score", "workloads", "workloads_counted"),
    "profiles.csv": ("submission", "tau", "rho"),
    "times.csv": ("submission", "workload", "ratio_to_best"),
    f"times.csv{COUNTS}": ("median_time",),
}
NOT_MEASURED = {"leaderboard.csv": ("score_steps", "trials_reached"), "times.csv": ("verdicts", "best_metric", "why")}
"""All that rule 1 leaves open: it stops trials whose times no study takes; one of them may need the fewest steps."""
LISTED = (*NOT_MEASURED, "studies.csv")
"""The files of which is told what differs although it was not promised."""
REFERENCE = ScoreOptions(rules="algoperf", bootstrap=0)


@dataclass(frozen=True)
class Outcome:
    """One policy: hours run, hours saved in all and by rule, trials never started, what differs on the board; file to columns."""

    name: str
    hours: float
    saved: float
    by_rule: tuple[float, ...]
    not_started: int
    broken: Mapping[str, Iterable[str]]
    others: Mapping[str, Iterable[str]]
    algoperf: tuple[float, int]


def main(given: ReplayOptions, project: Project) -> int:
    """Plays all policies and prints what each saves; exit code 1 if a board is not what racing promises."""
    logs, targets, studies = given.logs, given.targets, given.studies
    contents: dict[TrialKey, bytes] = {}

    def keep(key: TrialKey, data: bytes) -> bytes:
        contents[key] = data
        return data

    results = _first_studies(read_algoperf(logs, targets, keep), studies)
    recorded = {
        trial.key: RecordedTrial(clock_readings(contents.get(trial.key, b"")), trial.reached.evaluation if trial.reached else None)
        for trial in results.trials
    }
    hours = sum(trial.time for trial in recorded.values()) / 3600
    if not hours:
        raise UserError(f"replay: {logs}: no trial with an evaluation on a workload of {targets}; there is nothing to play")
    boards = score_board(results), score_board(results, REFERENCE)
    outcomes = []
    for name, (order, guarantee) in POLICIES.items():
        played = play({info.name: info.variant_of for info in results.workloads}, recorded, order, guarantee)
        stopped = {key: trial.evaluations for key, trial in played.items() if trial.reason}

        def cut(key: TrialKey, data: bytes, stopped: Mapping[TrialKey, int] = stopped) -> bytes:
            return first_rows(data, stopped[key]) if key in stopped else data

        raced = _first_studies(read_algoperf(logs, targets, cut), studies)
        outcomes.append(_outcome(name, guarantee, recorded, played, boards, (score_board(raced), score_board(raced, REFERENCE))))
    _print(outcomes, len(recorded), hours)
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def _first_studies(results: Results, studies: int | None) -> Results:
    """Results with so many studies of each submission on each workload, those with the smallest numbers."""
    numbers: dict[tuple[str, str], set[int]] = {}
    for trial in results.trials:
        numbers.setdefault((trial.submission, trial.workload), set()).add(trial.study)
    kept = {cell: set(sorted(found)[:studies]) for cell, found in numbers.items()}
    return replace(results, trials=tuple(t for t in results.trials if t.study in kept[t.submission, t.workload]))


def _outcome(
    name: str,
    guarantee: Guarantee,
    recorded: RecordedTrials,
    played: Mapping[TrialKey, ReplayedTrial],
    whole: tuple[Board, Board],
    raced: tuple[Board, Board],
) -> Outcome:
    saved = dict.fromkeys(RULES, 0.0)
    for key, trial in played.items():
        if trial.reason:
            saved[trial.reason.rule] += (recorded[key].time - trial.time) / 3600
    gaps = compare(whole[0], raced[0])
    broken = {file: [c for c in columns if _is_promised(guarantee, file, c)] for file, columns in gaps.items()}
    others = {file: [c for c in columns if c not in broken[file]] for file, columns in gaps.items()}
    before, after = ({entry.submission: entry for entry in board.entries} for board in (whole[1], raced[1]))
    return Outcome(
        name,
        sum(trial.time for trial in played.values()) / 3600,
        sum(saved.values()),
        tuple(saved.values()),
        sum(trial.reason is not None and trial.evaluations == 0 for trial in played.values()),
        {file: columns for file, columns in broken.items() if columns},
        {file: columns for file, columns in others.items() if columns and file in LISTED},
        (max(abs(before[s].score - after[s].score) for s in before), sum(before[s].rank != after[s].rank for s in before)),
    )


def _is_promised(guarantee: Guarantee, file: str, column: str) -> bool:
    if guarantee == "scores":
        return column in PROMISED.get(file, ())
    return column not in NOT_MEASURED.get(file.removesuffix(COUNTS), ())


def compare(whole: Board, raced: Board) -> dict[str, list[str]]:
    """Returns the columns in which two boards differ, by file; `times.csv where it counts` are its rows with a finite `ratio_to_best`."""
    one, other = rows(whole), rows(raced)
    counted = [row["ratio_to_best"] not in ("", "inf") for row in one["times.csv"]]
    for tables in (one, other):
        tables[f"times.csv{COUNTS}"] = [row for row, counts in zip(tables["times.csv"], counted, strict=True) if counts]
    return {file: list(differences(one[file], other[file])) for file in one}


def _print(outcomes: Sequence[Outcome], trials: int, hours: float) -> None:
    console = new_console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(f"{trials} trials, {hours:,.1f} hours in full: each up to its target, or the end of its log")
    table = Table("policy", "hours run", "saved", *RULES, "not started", "board", "rules=algoperf")
    for o in outcomes:
        shares = [f"{share / hours:.1%}" for share in (o.saved, *o.by_rule)]
        gap, ranks = o.algoperf
        gap_text = f"{gap:.2g} off" + (f", {ranks} ranks" if ranks else "") if gap > TOLERANCE or ranks else "identical"
        table.add_row(o.name, f"{o.hours:,.1f}", *shares, str(o.not_started), "differs" if o.broken else "identical", gap_text)
    console.print(table)
    console.print(f"identical: to 1e-12 in {_listed(PROMISED)}; under rule 1 in all but {_listed(NOT_MEASURED)}", soft_wrap=True)
    for o in outcomes:
        for words, columns in (("BROKEN", o.broken), ("differs in what is not promised", o.others)):
            if columns:
                console.print(f"{o.name}: {words}: {_listed(columns)}", soft_wrap=True)


def _listed(columns: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(f"{file}: {', '.join(names)}" for file, names in columns.items())
