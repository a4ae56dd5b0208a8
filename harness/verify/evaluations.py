"""Can evals.csv be what the referee wrote, and does the record say the same?"""

import math
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise

from harness.ledger.rows import Row
from harness.verify.trial import Trial
from harness.workload import WorkloadConfig

TOTALS = (
    *("examples", "time_s", "cpu_time_s", "startup_s", "checkpoint_s", "evaluation_s", "frozen_cpu_s", "wall_s"),
    *("host_memory_bytes", "device_memory_bytes"),
)


def order(trial: Trial) -> Iterator[str]:
    """Yields rows that are missing, or out of order."""
    rows = trial.rows
    if rows and (rows[0].step, rows[0].examples) != (0, 0):
        yield f"evals.csv: the first evaluation is at step {rows[0].step}, not before the first step"
    for number, row in enumerate(rows):
        if row.evaluation != number:
            yield f"evals.csv: evaluation {row.evaluation} where {number} must come"
            break
    for before, row in pairwise(rows):
        if row.step <= before.step:
            yield f"evals.csv: evaluation {row.evaluation} is at step {row.step}, the one before it at {before.step}"
        for name in TOTALS:
            if getattr(row, name) < getattr(before, name):
                yield f"evals.csv: {name} of evaluation {row.evaluation} is {getattr(row, name)}, below the one before it"


def due(trial: Trial) -> Iterator[str]:
    """Yields evaluations that came before they were due, or not at a multiple.

    An evaluation comes after the step that gets to a multiple of `evaluate_every` examples; multiples that come too soon are left out
    (harness/trial/pacing.py). The last row may be early: the submission was done. That one came after the very step can be told only where
    all steps take equally many examples.
    """
    rows, every = trial.rows, trial.spec.evaluate_every
    batches = {(row.examples - before.examples) / (row.step - before.step) for before, row in pairwise(rows) if row.step > before.step}
    for before, row in pairwise(rows):
        due_at = (before.examples // every + 1) * every
        if row.examples < due_at and row is not rows[-1]:
            yield f"evals.csv: evaluation {row.evaluation} came at {row.examples} examples, before it was due at {due_at}"
        elif len(batches) == 1 and row.examples - max(batches) >= (multiple := row.examples // every * every) and row is not rows[-1]:
            yield f"evals.csv: evaluation {row.evaluation} came at {row.examples} examples, later than at its multiple {multiple}"


def at_target(config: WorkloadConfig, row: Row) -> bool:
    """Whether an evaluation is at the target on the validation split, and the test split is evaluated, too."""
    return math.isfinite(row.valid_loss) and config.valid_reached(row.valid_metric)


def reached(config: WorkloadConfig, row: Row) -> bool:
    """Whether an evaluation ends its trial: it is at every target that there is."""
    return at_target(config, row) and config.reached(row.valid_metric, row.test_metric)


def target(trial: Trial) -> Iterator[str]:
    """Yields rows at the target that did not end the trial, and a verdict that the rows contradict."""
    rows, record, config = trial.rows, trial.record, trial.spec.workload
    finite = [math.isfinite(row.valid_metric) and math.isfinite(row.valid_loss) for row in rows]
    hits = [row for row in rows if reached(config, row)]
    for row in hits:
        if row is not rows[-1]:
            yield f"evals.csv: evaluation {row.evaluation} reached the target ({row.valid_metric:g}), but the trial went on"
    if hits and record.verdict != "reached":
        yield f"the verdict is {record.verdict}, but evaluation {hits[0].evaluation} reached the target"
    if not hits and record.verdict == "reached":
        yield "the verdict is reached, but no evaluation reached the target"
    for row in rows:
        if (row.test_metric is not None) != at_target(config, row):
            yield f"evals.csv: evaluation {row.evaluation} has {'no' if row.test_metric is None else 'a'} test metric"
        if row.time_s > trial.spec.budget_s:
            yield f"evals.csv: evaluation {row.evaluation} was handed in after the budget of {trial.spec.budget_s:g} s"
    if record.verdict == "diverged" and (len(rows) < 2 or any(finite[-2:])):
        yield "the verdict is diverged, but one of the last two evaluations is finite"
    if record.verdict == "missed" and record.time_s < trial.spec.budget_s and not (rows and rows[-1].time_s == record.time_s):
        yield "the verdict is missed, but the budget was not used up and no last evaluation was made"


def summary(trial: Trial) -> Iterator[str]:
    """Yields where the record and the rows differ."""
    rows, record = trial.rows, trial.record
    last = rows[-1] if rows else None
    yield from _same_row("last", record.last, last)
    yield from _same_row("reached", record.reached, last if record.verdict == "reached" else None)
    best = record.direction.best(row.valid_metric for row in rows)
    if record.best_metric != best:
        yield f"record.json: best_metric is {record.best_metric}, evals.csv says {best}"
    if last is not None:
        pairs = [(name, getattr(record, name), getattr(last, name)) for name in TOTALS if name != "examples"]
        for name, total, so_far in [*pairs, ("steps", record.steps, last.step)]:
            if total < so_far or (record.verdict == "reached" and name in ("time_s", "steps") and total != so_far):
                yield f"record.json: {name} is {total}, the last row of evals.csv has {so_far}"


def _same_row(name: str, recorded: Row | None, row: Row | None) -> Iterator[str]:
    if recorded is None or row is None:
        if recorded is not row:
            yield f"record.json: {name} is {'null' if recorded is None else 'a row'}, which evals.csv contradicts"
        return
    ours, theirs = asdict(recorded), asdict(row)
    for column in ours:
        if _finite(ours[column]) != _finite(theirs[column]):
            yield f"record.json: {column} of {name} is {ours[column]}, evals.csv says {theirs[column]}"


def _finite(value: float | None) -> float | None:
    """What is not finite is null in a record."""
    return value if value is not None and math.isfinite(value) else None
