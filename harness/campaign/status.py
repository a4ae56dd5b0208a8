"""Where a campaign stands, read from its ledger: quick also at 18,000 trials, since each trial is one small file."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from harness.campaign.plan import Plan
from harness.ledger.lock import is_alive, read_lock

FAILED = ("crashed", "out_of_memory", "timed_out")
OPEN = ("running", "waiting")
STATES = ("reached", "missed", "diverged", "rejected", "stopped", *FAILED, *OPEN)


@dataclass(frozen=True)
class TrialState:
    """One planned trial: its verdict, or `running` or `waiting`; seconds on the clock and in all that an ended one took."""

    submission: str
    workload: str
    study: int
    trial: int
    state: str
    reason: str
    time_s: float
    wall_s: float


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
        by_cell.setdefault((state.submission, state.workload), []).append(state)
    expected_s = _expected_s(plan, states)
    cells = tuple(_cell(*key, trials, expected_s[key]) for key, trials in by_cell.items())
    forecast_s = sum(expected_s[s.submission, s.workload] for s in states if s.state in OPEN)
    return Status(cells, _counts(states), sum(s.wall_s for s in states), forecast_s)


def trial_states(plan: Plan, ledger: Path) -> list[TrialState]:
    """Returns the state of every planned trial, in the order of the plan."""
    numbers = [(study, trial) for study in range(1, plan.studies + 1) for trial in range(1, plan.ruleset.trials + 1)]
    return [
        _trial_state(ledger, submission.name, workload.id, study, trial)
        for submission in plan.submissions
        for workload in plan.workloads
        for study, trial in numbers
    ]


def _trial_state(ledger: Path, submission: str, workload: str, study: int, trial: int) -> TrialState:
    folder = f"{ledger}/{submission}/{workload.replace('/', '-')}/study_{study}/trial_{trial}"
    try:
        with open(f"{folder}/record.json", "rb") as file:
            record = json.loads(file.read())
        verdict = record["verdict"], record["reason"], record["time_s"], record["wall_s"]
    except (OSError, ValueError, KeyError, TypeError):
        owner = Path(folder) / "owner.json"
        holder = read_lock(owner)
        running = holder is not None and is_alive(holder, owner)
        verdict = ("running", str(holder), 0.0, 0.0) if running else ("waiting", "", 0.0, 0.0)
    return TrialState(submission, workload, study, trial, *verdict)


def _cell(submission: str, workload: str, trials: list[TrialState], expected_s: float) -> Cell:
    failures = tuple(f"study {t.study}, trial {t.trial}: {t.state}, {t.reason}" for t in trials if t.state in (*FAILED, "rejected"))
    return Cell(submission, workload, _counts(trials), failures, expected_s)


def _counts(trials: list[TrialState]) -> tuple[tuple[str, int], ...]:
    count = Counter(t.state for t in trials)
    return tuple((state, count[state]) for state in STATES if count[state])


def _expected_s(plan: Plan, states: list[TrialState]) -> dict[tuple[str, str], float]:
    taken: dict[object, list[float]] = {}
    for s in states:
        if s.state not in OPEN:
            taken.setdefault((s.submission, s.workload), []).append(s.wall_s)
            taken.setdefault(s.workload, []).append(s.wall_s)
    means = {key: mean(seconds) for key, seconds in taken.items()}
    budgets = {w.id: w.budget_s * plan.ruleset.budget_factor for w in plan.workloads}
    cells = {(s.submission, s.workload) for s in states}
    return {cell: means.get(cell, means.get(cell[1], budgets[cell[1]])) for cell in cells}
