"""The plan of a campaign: which trials, with which seeds. `campaign.yaml` is the plan on disk."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger.campaign import FILE, content_hash, read_campaign, write_campaign
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.project.rulesets import Racing, Ruleset
from harness.project.space import Value, read_space
from harness.seeds import derive
from harness.trial.source import weigh_folder
from harness.workload import WorkloadConfig


@dataclass(frozen=True)
class PlannedSubmission:
    """A submission as the campaign runs it: `points` has the hyperparameters of trial 1, 2, ... of study 1, then of study 2, ..."""

    name: str
    path: str
    source_hash: str
    points: tuple[Mapping[str, Value], ...]


@dataclass(frozen=True)
class Plan:
    """All trials of some submissions on some workloads under a ruleset.

    The seed of a trial depends on (campaign seed, workload, study, trial) alone: all submissions start a cell's trial from the same weights
    and see the same data in the same order. `salt` is the commitment to what held-out data are drawn under, `None` for the public seed.
    """

    seed: int
    ruleset: Ruleset
    evaluation_period: float
    sandbox: str
    studies: int
    workloads: tuple[WorkloadConfig, ...]
    submissions: tuple[PlannedSubmission, ...]
    racing: Racing = "time"
    hardware: str | None = None
    ranks: int | None = None
    salt: str | None = None
    checkpoint_period_s: float = 60.0

    @property
    def campaign(self) -> str:
        """The identity of the campaign: what can never change in it."""
        return content_hash([self.seed, asdict(self.ruleset), self.evaluation_period, self.salt])

    def trials(self, project: Project) -> Iterator[TrialSpec]:
        """Yields every trial, study by study, so that an interrupted campaign has whole boards."""
        for study in range(1, self.studies + 1):
            for workload in self.workloads:
                for submission in self.submissions:
                    for trial in range(1, self.ruleset.trials + 1):
                        yield self._spec(project, submission, workload, study, trial)

    def must_extend(self, earlier: "Plan", where: Path) -> None:
        """Raises UserError when this plan contradicts the one that the ledger has, with what differs."""
        ours, theirs = _fixed(self), _fixed(earlier)
        different = [name for name in ours if name in theirs and ours[name] != theirs[name]]
        if different:
            raise UserError(f"{where}: the campaign there has another {', '.join(different)}: choose another out=")

    def _spec(self, project: Project, submission: PlannedSubmission, workload: WorkloadConfig, study: int, trial: int) -> TrialSpec:
        return single_trial(
            project,
            submission,
            workload,
            self.ruleset,
            self.evaluation_period,
            self.sandbox,
            seed=derive(str(self.seed), workload.id, str(study), str(trial)),
            campaign=self.campaign,
            study=study,
            trial=trial,
            salt=self.salt,
            checkpoint_period_s=self.checkpoint_period_s,
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
    return PlannedSubmission(folder.name, str(folder), source_hash, (read_space(folder).point(hp),))


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


def write_plan(ledger: Path, plan: Plan) -> None:
    """Writes campaign.yaml; raises UserError when the folder cannot be written."""
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        write_campaign(ledger, {"campaign": plan.campaign, **_plain(plan)})
    except OSError as error:
        raise UserError(f"{ledger} cannot be written ({error.strerror}): choose another out=") from None


def read_plan(ledger: Path) -> Plan | None:
    """Returns the plan of a ledger, or None where there is none yet.

    Raises:
        UserError: campaign.yaml is of another schema, or was edited by hand.
    """
    content = read_campaign(ledger)
    if content is None:
        return None
    try:
        plan = Plan(
            seed=content["seed"],
            ruleset=Ruleset(**content["ruleset"]),
            evaluation_period=content["evaluation_period"],
            sandbox=content["sandbox"],
            studies=content["studies"],
            workloads=tuple(WorkloadConfig(**w) for w in content["workloads"]),
            submissions=tuple(PlannedSubmission(**{**s, "points": tuple(s["points"])}) for s in content["submissions"]),
            racing=content["racing"],
            hardware=content["hardware"],
            ranks=content["ranks"],
            salt=content["salt"],
            checkpoint_period_s=content["checkpoint_period_s"],
        )
        if plan.campaign != content["campaign"]:
            raise ValueError("its campaign is not that of its seed, ruleset, evaluation period and salt")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{ledger / FILE} is not a campaign's plan ({type(error).__name__}: {' '.join(str(error).split())})") from None
    return plan


def _fixed(plan: Plan) -> dict[str, Any]:
    """What two plans of one campaign must share, by the words to tell it."""
    fixed: dict[str, Any] = {
        "seed": plan.seed,
        "ruleset": plan.ruleset,
        "evaluation period": plan.evaluation_period,
        "sandbox": plan.sandbox,
        "hardware": plan.hardware,
        "number of ranks": plan.ranks,
        "salt": plan.salt,
        "checkpoint period": plan.checkpoint_period_s,
    }
    fixed |= {f"configuration of workload {w.id}": w for w in plan.workloads}
    fixed |= {f"source of submission {s.name}": s.source_hash for s in plan.submissions}
    return fixed


def _plain(plan: Plan) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    return values
