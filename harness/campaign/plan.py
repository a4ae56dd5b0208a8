"""From a plan to the trials that it means."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.base.seeds import derive
from harness.errors import UserError
from harness.ledger.plan import Plan, PlannedSubmission
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.project.space import read_space
from harness.trial.source import weigh_folder
from harness.workload import WorkloadConfig


def specs(plan: Plan, project: Project) -> Iterator[TrialSpec]:
    """Yields every trial of a plan, in its order."""
    workloads = {workload.id: workload for workload in plan.workloads}
    submissions = {submission.name: submission for submission in plan.submissions}
    for key in plan.trials():
        yield single_trial(
            project,
            submissions[key.submission],
            workloads[key.workload],
            plan.ruleset,
            plan.evaluation_period,
            plan.sandbox,
            seed=derive(str(plan.seed), key.workload, str(key.study), str(key.trial)),
            campaign=plan.campaign,
            study=key.study,
            trial=key.trial,
            salt=plan.salt,
            checkpoint_period_s=plan.checkpoint_period_s,
        )


def with_ranks(workload: WorkloadConfig, ranks: int | None) -> WorkloadConfig:
    """Returns the workload with so many ranks, None: as many as it has.

    Raises:
        UserError: its reference batch cannot be dealt evenly to them.
    """
    ranks = workload.ranks if ranks is None else ranks
    if ranks < 1 or workload.reference_batch % ranks:
        raise UserError(f"ranks={ranks}: the reference batch of {workload.id}, {workload.reference_batch}, must be a multiple of the ranks")
    return replace(workload, ranks=ranks)


def single_trial(
    project: Project,
    submission: PlannedSubmission,
    workload: WorkloadConfig,
    ruleset: Ruleset,
    evaluation_period: float,
    sandbox: str,
    seed: int,
    campaign: str | None = None,
    study: int = 1,
    trial: int = 1,
    salt: str | None = None,
    checkpoint_period_s: float = 60.0,
) -> TrialSpec:
    """Returns the spec of one trial; the evaluation period is a share of the examples of the step hint, the salt a commitment."""
    number = (study - 1) * ruleset.trials + trial - 1
    return TrialSpec(
        campaign=campaign,
        submission=submission.name,
        submission_path=submission.path,
        source_hash=submission.source_hash,
        hp=dict(submission.points[number % len(submission.points)]),
        workload=workload,
        workload_path=str(project.workload_folder(workload)),
        ruleset=ruleset.name,
        budget_s=workload.budget_s * ruleset.budget_factor,
        evaluate_every=max(1, round(evaluation_period * workload.step_hint * workload.reference_batch)),
        study=study,
        trial=trial,
        seed=seed,
        sandbox=sandbox,
        salt=salt,
        checkpoint_period_s=checkpoint_period_s,
    )


def single_point(project: Project, name: str, hp: Mapping[str, Any], ruleset: Ruleset) -> PlannedSubmission:
    """Returns a submission with its default point and the given hyperparameters in place.

    Raises:
        UserError: no such submission, more source than the ruleset allows, a bad space.yaml, or an unknown hyperparameter.
    """
    folder = project.submission_folder(name)
    source_hash, _ = weigh_folder(folder, ruleset)
    return PlannedSubmission(name=folder.name, path=str(folder), source_hash=source_hash, points=(read_space(folder).point(hp),))


def plan_submission(project: Project, name: str, ruleset: Ruleset, studies: int, seed: int) -> PlannedSubmission:
    """Returns a submission with the points of all its trials: the default one, or as many different ones as there are trials.

    The points depend on (campaign seed, submission) alone and are the same for all workloads; more studies only add to them.

    Raises:
        UserError: no such submission, more source than the ruleset allows, a bad space.yaml, or fewer listed points than trials.
    """
    submission = single_point(project, name, {}, ruleset)
    if ruleset.points == "default":
        return submission
    points = read_space(Path(submission.path)).points(studies * ruleset.trials, derive(str(seed), "points", submission.name))
    return replace(submission, points=tuple(points))
