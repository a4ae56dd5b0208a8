"""The runs behind a target: every point of the search, the best one over several seeds, and these again with the target in place.

Each stage is a ledger of its own below `out`: `search`, `repeats` and `target_<value>`. More points or seeds later only add to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.base.seeds import derive
from harness.campaign.plan import plan_submission, single_trial
from harness.errors import UserError
from harness.ledger.paths import TrialPaths
from harness.ledger.plan import PlannedSubmission
from harness.ledger.record import Record, read_record
from harness.ledger.rows import Row, read_rows
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.targets.arithmetic import Crossing, Run
from harness.trial.callback import TrialCallback
from harness.trial.referee import run_trial
from harness.workload import WorkloadConfig

NEVER = 1e30
"""Beyond any metric: a trial with this target runs to the end of its schedule."""
LENGTH_FACTOR = 4.0
"""Budget of the runs over the workload's present one, which is itself to be found and must cut none of them."""
FINISHED = ("reached", "missed", "diverged")


@dataclass(frozen=True)
class FinishedTrial:
    """A trial with its record and evaluations."""

    spec: TrialSpec
    record: Record
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class TargetSearch:
    """What is to be found out: the target of one workload from `trials` points of each submission and `seeds` repeats of the best."""

    project: Project
    workload: WorkloadConfig
    submissions: tuple[PlannedSubmission, ...]
    trials: int
    seeds: int
    seed: int
    evaluation_period: float
    sandbox: str

    def search(self) -> Iterator[TrialSpec]:
        """Yields every point of every submission; the same trial of all submissions has the same seed."""
        for trial in range(1, self.trials + 1):
            for submission in self.submissions:
                yield self._spec(submission, 1, trial, "search", str(trial))

    def repeats(self, best: Run) -> Iterator[TrialSpec]:
        """Yields the best point with each of its seeds; the folder names the point, for another one may win once there are more."""
        submission = next(s for s in self.submissions if s.name == best.submission)
        for repeat in range(1, self.seeds + 1):
            yield self._spec(submission, repeat, best.point, "repeat", str(repeat))

    def _spec(self, submission: PlannedSubmission, study: int, trial: int, *stream: str) -> TrialSpec:
        endless = replace(self.workload, target=-self.workload.direction.sign * NEVER)
        spec = single_trial(
            self.project,
            submission,
            endless,
            ruleset(self.trials),
            self.evaluation_period,
            self.sandbox,
            seed=derive(str(self.seed), "targets", self.workload.id, *stream),
            trial=trial,
        )
        return replace(spec, study=study)


def plan(
    project: Project,
    workload: str,
    submissions: Sequence[str],
    *,
    trials: int,
    seeds: int,
    seed: int,
    evaluation_period: float,
    sandbox: str,
) -> TargetSearch:
    """Returns the search for the target of a workload.

    Raises:
        UserError: unknown names, a bad space, or a listed space with fewer points than `trials`.
    """
    config = project.workload(workload)
    planned = tuple(plan_submission(project, name, ruleset(trials), 1, seed) for name in submissions)
    return TargetSearch(project, config, planned, trials, seeds, seed, evaluation_period, sandbox)


def ruleset(trials: int) -> Ruleset:
    """One study of so many points a submission."""
    return Ruleset("targets", 1, trials, LENGTH_FACTOR, "search")


def with_target(spec: TrialSpec, target: float) -> TrialSpec:
    """Returns the same trial, to be ended by this target on the validation split, whatever the test split says: that is to be found out."""
    anything = spec.workload.direction.sign * NEVER
    return replace(spec, workload=replace(spec.workload, target=target, test_target=anything))


def run_all(specs: Sequence[TrialSpec], ledger: Path, cache: Path, callback: TrialCallback) -> list[FinishedTrial]:
    """Runs the trials that have no result yet, one at a time, and returns all.

    Raises:
        UserError: trials crashed or were rejected; the others are run before it says so, and the same command tries these again.
        LockHeld: another process runs one of them.
    """
    ended = []
    for spec in specs:
        folder = spec.folder(ledger)
        ended.append(FinishedTrial(spec, run_trial(spec, folder, cache, callback), tuple(read_rows(TrialPaths(folder).rows))))
    failed = [e for e in ended if e.record.verdict not in FINISHED]
    if failed:
        first, others = failed[0], f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        failure = f"{first.spec.folder(ledger)}{others} {first.record.verdict}, {first.record.reason}"
        again = first.record.may_go_on
        raise UserError(
            f"targets: {failure}: {'see its log.txt; the same command tries it again' if again else 'take it out of submissions='}"
        )
    return ended


def to_run(specs: Sequence[TrialSpec], ledger: Path) -> int:
    """Returns how many of the trials have no result yet, or one that is tried again."""
    records = (read_record(spec.folder(ledger)) for spec in specs)
    return sum(record is None or record.may_go_on for record in records)


def as_run(ended: FinishedTrial) -> Run:
    """Returns what the search wants to know of a trial."""
    record = ended.record
    best_metric = ended.spec.workload.direction.best(row.valid_metric for row in ended.rows)
    best = next((row for row in ended.rows if row.valid_metric == best_metric), None)
    return Run(
        submission=record.submission,
        point=record.trial,
        hp=record.hp,
        seed=record.seed,
        best=best.valid_metric if best else None,
        best_step=best.step if best else None,
        steps=record.steps,
        seconds=record.time_s,
        verdict=record.verdict,
        reason=record.reason,
    )


def as_crossing(again: FinishedTrial, first: FinishedTrial) -> Crossing:
    """Returns where a trial crossed its target, compared with the same trial without one."""
    row = again.record.reached
    pairs = zip(again.rows, first.rows, strict=False)
    return Crossing(
        seed=again.record.seed,
        reached=row is not None,
        valid=row.valid_metric if row else None,
        test=row.test_metric if row else None,
        steps=row.step if row else None,
        seconds=row.time_s if row else None,
        cpu_seconds=row.cpu_time_s if row else None,
        identical=all((a.step, a.valid_metric, a.valid_loss) == (b.step, b.valid_metric, b.valid_loss) for a, b in pairs),
    )
