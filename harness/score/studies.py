"""One line for each study: what its trial needs on each clock, and what became of it."""

from math import inf, isnan, nan

from harness.score.board import Study
from harness.score.results import Clock, Results, Rules, Trial
from harness.score.times import best_trial, group_studies


def studies(results: Results, clock: Clock, rules: Rules, order: list[str]) -> tuple[Study, ...]:
    """Returns every study, by submission in the given order, workload as in the results, and number.

    A study has one trial that counts: the one that is fastest on the board's clock. The other clocks' readings are of the same trial.
    """
    cells = group_studies(results, rules)
    return tuple(
        _study(submission, info.name, number, trials, best_trial(trials, clock, rules))
        for submission in order
        for info in results.workloads
        for number, trials in cells.get((submission, info.name), {}).items()
    )


def _study(submission: str, workload: str, number: int, trials: list[Trial], best: Trial | None) -> Study:
    at = best.reached if best else None
    overlaps = [trial.overlap_s for trial in ([best] if best else trials) if not isnan(trial.overlap_s)]
    return Study(
        submission=submission,
        workload=workload,
        number=number,
        time_s=at.time_s if at else inf,
        steps=at.steps if at else inf,
        cpu_time_s=at.cpu_time_s if at else inf,
        reached=at is not None,
        verdict="reached" if at else "+".join(sorted({trial.verdict for trial in trials})),
        overlap_s=sum(overlaps) if overlaps else nan,
    )
