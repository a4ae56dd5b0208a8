"""Racing on a ledger: whether a trial may be stopped, and which stopped ones must go on. Reads records alone, and only those that matter.

What a record proves: `reached` is a time, `missed`, `diverged` and `rejected` are misses. A trial without a record, or one that failed and
may be tried again, can still do anything. A `stopped` one counts as a miss as long as a reason to stop it holds.
"""

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from harness.campaign.plan import Plan
from harness.ledger.spec import TrialSpec
from harness.racing.race import Guarantee, Race, TrialKey, still_settled
from harness.racing.time_bounds import NEVER, WAITING, TimeBounds, reached, running
from harness.score.results import Clock

FIELDS: dict[Clock, str] = {"time": "time_s", "steps": "step", "cpu_time": "cpu_time_s"}
MISSES = ("missed", "diverged", "rejected")


def reason_to_stop(
    plan: Plan, ledger: Path, spec: TrialSpec, time: float, clock: Clock = "time", guarantee: Guarantee = "scores"
) -> str | None:
    """Returns in words why a trial that has not met its target at `time` can no longer change the board, or None while it can.

    For the referee at each evaluation, and for a launch with `time=0` before it starts a trial: a reason then means that it need not start.
    `time` is a reading of the board's clock. First the trial's own cell is read, then those of its workload, its base and its variants.
    """
    key = TrialKey(spec.submission, spec.workload.id, spec.study, spec.trial)
    if key not in set(_keys(plan, [key.workload], [key.submission])):
        return None
    for workloads, submissions in (([key.workload], [key.submission]), (_family(plan, key.workload), _submissions(plan))):
        race, _ = _read(plan, ledger, workloads, submissions, clock, guarantee)
        race.learn(key, running(time))
        if reason := race.reason_to_stop(key, time):
            return reason.words
    return None


def still_stopped(plan: Plan, ledger: Path, spec: TrialSpec, clock: Clock = "time", guarantee: Guarantee = "scores") -> bool:
    """Whether a trial with the verdict `stopped` may stay so; else it has to go on from its checkpoint. For all at once: `to_continue`."""
    key = TrialKey(spec.submission, spec.workload.id, spec.study, spec.trial)
    return key not in _read(plan, ledger, _family(plan, key.workload), _submissions(plan), clock, guarantee)[1]


def to_continue(plan: Plan, ledger: Path, clock: Clock = "time", guarantee: Guarantee = "scores") -> set[TrialKey]:
    """Returns the `stopped` trials whose reason has fallen away: an entry was withdrawn, a record rejected, a study added."""
    bases = [w.id for w in plan.workloads if _family(plan, w.id)[0] == w.id]
    return {key for base in bases for key in _read(plan, ledger, _family(plan, base), _submissions(plan), clock, guarantee)[1]}


def _read(
    plan: Plan, ledger: Path, workloads: list[str], submissions: Iterable[str], clock: Clock, guarantee: Guarantee
) -> tuple[Race, set[TrialKey]]:
    """Returns what the ledger proves about these cells, and the stopped trials that have to go on."""
    known: dict[TrialKey, TimeBounds] = {}
    stopped: dict[TrialKey, float] = {}
    for key in _keys(plan, workloads, submissions):
        record = _record(ledger, key)
        known[key] = _bounds(record, FIELDS[clock])
        if record.get("verdict") == "stopped":
            stopped[key] = _reading(record.get("last"), FIELDS[clock]) or 0.0
    variant_of = {w.id: w.variant_of or "" for w in plan.workloads if w.id in workloads}
    race = Race(variant_of, known, guarantee)
    return race, set(stopped) - still_settled(race, stopped)


def _bounds(record: dict[str, Any], field: str) -> TimeBounds:
    if record.get("verdict") == "reached":
        time = _reading(record.get("reached"), field)
        return WAITING if time is None else reached(time)
    return NEVER if record.get("verdict") in MISSES else WAITING


def _reading(row: dict[str, Any] | None, field: str) -> float | None:
    value = row.get(field) if row else None
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _record(ledger: Path, key: TrialKey) -> dict[str, Any]:
    """A trial's record; empty where there is none yet, or none that can be read."""
    workload = key.workload.replace("/", "-")
    try:
        with open(f"{ledger}/{key.submission}/{workload}/study_{key.study}/trial_{key.trial}/record.json", "rb") as file:
            content = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _keys(plan: Plan, workloads: Iterable[str], submissions: Iterable[str]) -> Iterator[TrialKey]:
    names = [name for name in submissions if name in set(_submissions(plan))]
    planned = {w.id for w in plan.workloads}
    for workload in workloads:
        if workload in planned:
            for name in names:
                for study in range(1, plan.studies + 1):
                    for trial in range(1, plan.ruleset.trials + 1):
                        yield TrialKey(name, workload, study, trial)


def _submissions(plan: Plan) -> list[str]:
    return [submission.name for submission in plan.submissions]


def _family(plan: Plan, workload: str) -> list[str]:
    """The base of a workload, if the plan has it, and all variants of that; the base first."""
    bases = {w.id: w.variant_of or "" for w in plan.workloads}
    base = bases.get(workload, "")
    base = base if base in bases else workload
    return [base, *(name for name, of in bases.items() if of == base and name != base)]
