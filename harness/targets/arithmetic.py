"""From runs to a target. Pure arithmetic: nothing is run or read here.

Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", on setting targets.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

from harness.errors import UserError
from harness.project.space import Value
from harness.workload import WorkloadConfig

DIGITS = 4
BUDGET_FACTOR = 4.0
"""Budget over median time to the target: a time beyond 4 x the best no longer counts on a board (docs/scoring.md)."""


@dataclass(frozen=True)
class Run:
    """A run to the end of its schedule, which no target ended; `best` is its best validation value, None if none was finite.

    `point` counts the submission's quasi-random points from 1, `seconds` are on the referee's clock over the whole run.
    """

    submission: str
    point: int
    hp: Mapping[str, Value]
    seed: int
    best: float | None
    best_step: int | None
    steps: int
    seconds: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class Crossing:
    """A run done again with the target in place. The other fields are None where it was not reached.

    `seconds` are on the referee's clock, `cpu_seconds` those of the runner's processes meanwhile; `identical` says whether its evaluations
    up to there were those of the first run, bit by bit.
    """

    seed: int
    reached: bool
    valid: float | None
    test: float | None
    steps: int | None
    seconds: float | None
    cpu_seconds: float | None
    identical: bool


@dataclass(frozen=True)
class Proposal:
    """The finish line that follows.

    Spreads are standard deviation over mean of the runs that reach; None with fewer than two. Where the median of CPU seconds is well
    below that of seconds, something else ran on the machine.
    """

    target: float
    test_target: float
    reached: int
    repeats: int
    probability: float
    median_steps: float
    median_seconds: float
    median_cpu_seconds: float
    spread_steps: float | None
    spread_seconds: float | None
    budget_s: int


def best_run(runs: Sequence[Run], workload: WorkloadConfig) -> Run:
    """Returns the run with the best validation value; of equal ones the first.

    Raises:
        UserError: none has a finite value.
    """
    finite = [run for run in runs if run.best is not None]
    if not finite:
        raise UserError(f"targets: none of the {len(runs)} runs on {workload.id} has a finite validation value: look at their log.txt")
    return min(finite, key=lambda run: _loss(run.best, workload))


def validation_target(repeats: Sequence[Run], workload: WorkloadConfig) -> float:
    """Returns the median of the best values, to four significant digits, rounded to the easier side: the median run itself must reach it.

    A run without a finite value counts as the worst. Raises UserError when that makes the median infinite.
    """
    median = statistics.median(_loss(run.best, workload) for run in repeats)
    if not math.isfinite(median):
        raise UserError(f"targets: half of the {len(repeats)} repeats of the best point on {workload.id} diverged: raise trials= or seeds=")
    return _rounded(median, workload)


def worst_with_margin(tests: Sequence[float], workload: WorkloadConfig) -> float:
    """Returns the worst of these test values, eased by one sample standard deviation of them, to four significant digits, rounded as above.

    The margin is there so that an honest run that reaches the validation target practically never waits for the test target. A single
    value has no deviation, and gets no margin.
    """
    losses = [_loss(test, workload) for test in tests]
    return _rounded(max(losses) + (statistics.stdev(losses) if len(losses) > 1 else 0.0), workload)


def propose(target: float, crossings: Sequence[Crossing], repeats: int, workload: WorkloadConfig) -> Proposal:
    """Returns test target (`worst_with_margin` of the runs that reach the validation target), reaching probability, spreads and budget.

    `crossings` are of those of the `repeats` runs whose best value meets it. The budget is BUDGET_FACTOR x the median seconds to the
    target, in whole seconds, rounded up.

    Raises:
        UserError: no run reaches the target, which can happen only where runs do not repeat.
    """
    tests = [c.test for c in crossings if c.reached and c.test is not None]
    steps = [c.steps for c in crossings if c.reached and c.steps is not None]
    seconds = [c.seconds for c in crossings if c.reached and c.seconds is not None]
    if not tests or not steps or not seconds:
        raise UserError(f"targets: on {workload.id} no repeat reached {target:g} again: this machine does not repeat runs; raise seeds=")
    median_seconds = statistics.median(seconds)
    return Proposal(
        target=target,
        test_target=worst_with_margin(tests, workload),
        reached=len(tests),
        repeats=repeats,
        probability=len(tests) / repeats,
        median_steps=statistics.median(steps),
        median_seconds=median_seconds,
        median_cpu_seconds=statistics.median(c.cpu_seconds for c in crossings if c.cpu_seconds is not None),
        spread_steps=spread(steps),
        spread_seconds=spread(seconds),
        budget_s=math.ceil(BUDGET_FACTOR * median_seconds),
    )


def spread(values: Sequence[float]) -> float | None:
    """Returns the sample standard deviation as a share of the mean, or None with fewer than two values or a mean of zero."""
    if len(values) < 2 or statistics.mean(values) == 0:
        return None
    return statistics.stdev(values) / abs(statistics.mean(values))


def meets(run: Run, target: float, workload: WorkloadConfig) -> bool:
    """Whether the run's best value is at or beyond the target."""
    return run.best is not None and workload.direction.reached(run.best, target)


def _rounded(loss: float, workload: WorkloadConfig) -> float:
    """Returns the value of a `_loss` to four significant digits, on the side that is easier to reach."""
    sign = workload.direction.sign
    context = Context(prec=DIGITS, rounding=ROUND_CEILING if sign > 0 else ROUND_FLOOR)
    return float(context.create_decimal(repr(sign * loss)))


def _loss(value: float | None, workload: WorkloadConfig) -> float:
    """The value so that less is better; none is the worst."""
    if value is None:
        return math.inf
    return workload.direction.sign * value
