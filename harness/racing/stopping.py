"""Racing on a ledger: whether a trial may be stopped, and which stopped ones must go on. Reads records alone, and only those that matter.

What a record proves: `reached` is a time, `missed`, `diverged` and `rejected` are misses. A trial without a record, or one that failed and
may be tried again, can still do anything. A `stopped` one counts as a miss as long as a reason to stop it holds.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import assert_never

from harness.errors import UserError
from harness.ledger.paths import TrialKey
from harness.ledger.plan import Plan
from harness.ledger.record import Record, meaning, read_record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.racing.race import Guarantee, Race, still_settled
from harness.racing.time_bounds import NEVER, UNKNOWN, TimeBounds, reached, running
from harness.score.results import Clock


def reason_to_stop(
    plan: Plan, ledger: Path, spec: TrialSpec, time: float, clock: Clock = "time", guarantee: Guarantee = "scores"
) -> str | None:
    """Returns in words why a trial that has not reached its target at `time` can no longer change the board, or None while it can.

    For the referee at each evaluation, and for a launch with `time=0` before it starts a trial: a reason then means that it need not start.
    `time` is a reading of the board's clock. First the trial's own cell is read, then those of its workload, its base and its variants.
    """
    key = spec.key
    if key not in set(_keys(plan, [key.workload], [key.submission])):
        return None
    for workloads, submissions in (([key.workload], [key.submission]), (_family(plan, key.workload), _submissions(plan))):
        race, _ = _read(plan, ledger, workloads, submissions, clock, guarantee)
        race.learn(key, running(time))
        if reason := race.reason_to_stop(key, time):
            return reason.words
    return None


def to_continue(plan: Plan, ledger: Path, clock: Clock = "time", guarantee: Guarantee = "scores") -> set[TrialKey]:
    """Returns the `stopped` trials whose reason has fallen away: an entry was withdrawn, a record rejected, a study added."""
    bases = [w.id for w in plan.workloads if _family(plan, w.id)[0] == w.id]
    return {key for base in bases for key in _read(plan, ledger, _family(plan, base), _submissions(plan), clock, guarantee)[1]}


def _read(
    plan: Plan, ledger: Path, workloads: list[str], submissions: Iterable[str], clock: Clock, guarantee: Guarantee
) -> tuple[Race, set[TrialKey]]:
    """Returns what the ledger proves about these cells, and the stopped trials that have to go on."""
    bounds: dict[TrialKey, TimeBounds] = {}
    stopped: dict[TrialKey, float] = {}
    for key in _keys(plan, workloads, submissions):
        record = _record(ledger, key)
        bounds[key] = UNKNOWN if record is None else _bounds(record, clock)
        if record is not None and record.verdict == "stopped":
            stopped[key] = reading(record.last, clock) if record.last else 0.0
    variant_of = {w.id: w.variant_of or "" for w in plan.workloads if w.id in workloads}
    race = Race(variant_of, bounds, guarantee)
    return race, set(stopped) - still_settled(race, stopped)


def reading(row: Row, clock: Clock) -> float:
    """Returns what a clock read at an evaluation."""
    match clock:
        case "time":
            return row.time_s
        case "steps":
            return float(row.step)
        case "cpu_time":
            return row.cpu_time_s
        case _:
            assert_never(clock)


def _bounds(record: Record, clock: Clock) -> TimeBounds:
    match meaning(record.verdict):
        case "reached":
            assert record.reached is not None
            return reached(reading(record.reached, clock))
        case "miss":
            return NEVER
        case "failure" | "stop":
            return UNKNOWN
        case other:
            assert_never(other)


def _record(ledger: Path, key: TrialKey) -> Record | None:
    """A trial's record; None where there is none yet, or none that can be read: it proves nothing."""
    try:
        return read_record(key.folder(ledger))
    except UserError:
        return None


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
