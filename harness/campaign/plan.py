"""The plan of a campaign: which trials, with which seeds. `campaign.yaml` is the plan on disk."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from harness.errors import UserError
from harness.files import write_atomically
from harness.project import Project
from harness.rulesets import Racing, Ruleset
from harness.seeds import derive
from harness.trial.source import weigh_folder
from harness.trial.spec import TrialSpec
from harness.tuning import Value, read_space
from harness.workload import WorkloadConfig

SCHEMA = 1


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

    @property
    def campaign(self) -> str:
        """The identity of the campaign: what can never change in it."""
        return _hash([self.seed, asdict(self.ruleset), self.evaluation_period, self.salt])

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
    content = {"schema": SCHEMA, "campaign": plan.campaign, **_plain(plan)}
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        write_atomically(ledger / "campaign.yaml", OmegaConf.to_yaml(OmegaConf.create({**content, "content_hash": _hash(content)})))
    except OSError as error:
        raise UserError(f"{ledger} cannot be written ({error.strerror}): choose another out=") from None


def read_plan(ledger: Path) -> Plan | None:
    """Returns the plan of a ledger, or None where there is none yet.

    Raises:
        UserError: campaign.yaml is of another schema, or was edited by hand.
    """
    path = ledger / "campaign.yaml"
    if not path.exists():
        return None
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(path))
        if content["schema"] != SCHEMA:
            raise UserError(f"{path}: schema {content['schema']}, but this finishline reads {SCHEMA}: use the version that wrote it")
        if content.pop("content_hash") != _hash(content):
            raise UserError(f"{path} was changed by hand: put it back, or choose another out=")
        return Plan(
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
        )
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} is not a campaign's plan ({type(error).__name__}: {' '.join(str(error).split())})") from None


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
    }
    fixed |= {f"configuration of workload {w.id}": w for w in plan.workloads}
    fixed |= {f"source of submission {s.name}": s.source_hash for s in plan.submissions}
    return fixed


def _plain(plan: Plan) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    return values


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
