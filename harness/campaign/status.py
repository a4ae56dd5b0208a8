"""Where a campaign stands, read from its ledger: quick also at 18,000 trials, since each trial is one small file."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import get_args

from harness.errors import UserError
from harness.ledger.lock import holder_of
from harness.ledger.paths import TrialKey, record_path
from harness.ledger.plan import Plan
from harness.ledger.reading import read_bytes
from harness.ledger.record import Verdict, decode_record, meaning

OPEN = ("running", "waiting")
DAMAGED = "damaged"
FAILED = tuple(verdict for verdict in get_args(Verdict) if meaning(verdict) == "failure")
STATES = (*get_args(Verdict), DAMAGED, *OPEN)


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """One planned trial: its verdict, or `damaged`, `running` or `waiting`; seconds on the clock and in all that an ended one took."""

    key: TrialKey
    state: str
    reason: str
    time_s: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One submission on one workload: how many of its trials are in which state, why the failed ones failed, and how long one may take.

    `expected_s` is the mean of those that ended, else of all on the workload, else the budget.
    """

    submission: str
    workload: str
    counts: tuple[tuple[str, int], ...]
    failures: tuple[str, ...]
    expected_s: float


@dataclass(frozen=True)
class Status:
    """A whole campaign. `spent_s` are seconds of trials that have ended, `forecast_s` those still to come, one after the other."""

    cells: tuple[Cell, ...]
    counts: tuple[tuple[str, int], ...]
    spent_s: float
    forecast_s: float


def read_status(plan: Plan, ledger: Path) -> Status:
    """Returns where the campaign in this ledger stands."""
    return summary(plan, trial_states(plan, ledger))


def summary(plan: Plan, states: list[TrialState]) -> Status:
    """Returns what `read_status` does, from states that were read before."""
    by_cell: dict[tuple[str, str], list[TrialState]] = {}
    for state in states:
        by_cell.setdefault(state.key[:2], []).append(state)
    expected_s = _expected_s(plan, states)
    cells = tuple(_cell(*key, trials, expected_s[key]) for key, trials in by_cell.items())
    forecast_s = sum(expected_s[s.key[:2]] for s in states if s.state in OPEN)
    return Status(cells, _counts(states), sum(s.wall_s for s in states), forecast_s)


def trial_states(plan: Plan, ledger: Path) -> list[TrialState]:
    """Returns the state of every planned trial, by submission, workload, study and trial."""
    numbers = [(study, trial) for study in range(1, plan.studies + 1) for trial in range(1, plan.ruleset.trials + 1)]
    cells = [(submission.name, workload.id) for submission in plan.submissions for workload in plan.workloads]
    return [_trial_state(ledger, TrialKey(*cell, *number)) for cell in cells for number in numbers]


def _trial_state(ledger: Path, key: TrialKey) -> TrialState:
    path = record_path(ledger, key.place)
    try:
        content = read_bytes(path)
        record = None if content is None else decode_record(content, path)
    except UserError as error:
        return TrialState(key=key, state=DAMAGED, reason=str(error))
    if record is not None:
        return TrialState(key=key, state=record.verdict, reason=record.reason, time_s=record.time_s, wall_s=record.wall_s)
    holder = holder_of(key.folder(ledger))
    return TrialState(key=key, state="running", reason=str(holder)) if holder else TrialState(key=key, state="waiting", reason="")


def _cell(submission: str, workload: str, trials: list[TrialState], expected_s: float) -> Cell:
    told = (*FAILED, DAMAGED, "rejected")
    failures = tuple(f"study {t.key.study}, trial {t.key.trial}: {t.state}, {t.reason}" for t in trials if t.state in told)
    return Cell(submission, workload, _counts(trials), failures, expected_s)


def _counts(trials: list[TrialState]) -> tuple[tuple[str, int], ...]:
    count = Counter(t.state for t in trials)
    return tuple((state, count[state]) for state in STATES if count[state])


def _expected_s(plan: Plan, states: list[TrialState]) -> dict[tuple[str, str], float]:
    taken: dict[object, list[float]] = {}
    for s in states:
        if s.state not in (*OPEN, DAMAGED):
            taken.setdefault(s.key[:2], []).append(s.wall_s)
            taken.setdefault(s.key.workload, []).append(s.wall_s)
    means = {key: mean(seconds) for key, seconds in taken.items()}
    budgets = {w.id: w.budget_s * plan.ruleset.budget_factor for w in plan.workloads}
    cells = {s.key[:2] for s in states}
    return {cell: means.get(cell, means.get(cell[1], budgets[cell[1]])) for cell in cells}
