"""campaign.yaml, the plan of a campaign: which trials there are, and what can never change among them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.base.files import write_atomically
from harness.errors import UserError
from harness.ledger import SCHEMA
from harness.ledger.paths import CAMPAIGN, TrialKey
from harness.ledger.reading import convert, read_bytes
from harness.project.rulesets import Racing, Ruleset
from harness.workload import WorkloadConfig


@dataclass(frozen=True, kw_only=True)
class PlannedSubmission:
    """A submission as the campaign runs it: `points` has the hyperparameters of trial 1, 2, ... of study 1, then of study 2, ..."""

    name: str
    path: str
    source_hash: str
    points: tuple[Mapping[str, float | int | str | bool | list[Any]], ...]


@dataclass(frozen=True, kw_only=True)
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

    def trials(self) -> Iterator[TrialKey]:
        """Yields every trial, study by study, so that an interrupted campaign has whole boards."""
        for study in range(1, self.studies + 1):
            for workload in self.workloads:
                for submission in self.submissions:
                    for trial in range(1, self.ruleset.trials + 1):
                        yield TrialKey(submission.name, workload.id, study, trial)

    def must_extend(self, earlier: "Plan", where: Path) -> None:
        """Raises UserError when this plan contradicts the one that the ledger has, with what differs."""
        ours, theirs = self._fixed(), earlier._fixed()
        different = [name for name in ours if name in theirs and ours[name] != theirs[name]]
        if different:
            raise UserError(f"{where}: the campaign there has another {', '.join(different)}: choose another out=")

    def _fixed(self) -> dict[str, Any]:
        """What two plans of one campaign must share, by the words to name it."""
        fixed: dict[str, Any] = {
            "seed": self.seed,
            "ruleset": self.ruleset,
            "evaluation period": self.evaluation_period,
            "sandbox": self.sandbox,
            "hardware": self.hardware,
            "number of ranks": self.ranks,
            "salt": self.salt,
            "checkpoint period": self.checkpoint_period_s,
        }
        fixed |= {f"configuration of workload {w.id}": w for w in self.workloads}
        fixed |= {f"source of submission {s.name}": s.source_hash for s in self.submissions}
        return fixed


def content_hash(content: Any) -> str:
    """Returns a hash of anything that JSON can hold, whatever the order of its fields."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]


def write_plan(ledger: Path, plan: Plan) -> None:
    """Writes campaign.yaml; raises UserError when the folder cannot be written."""
    import yaml  # here, since the scorer must start fast

    content = msgspec.to_builtins({"schema": SCHEMA, "campaign": plan.campaign, **asdict(plan)})
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump({**content, "content_hash": content_hash(content)}, Dumper=dumper, sort_keys=False, allow_unicode=True)
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        write_atomically(ledger / CAMPAIGN, text)
    except OSError as error:
        raise UserError(f"{ledger} cannot be written ({error.strerror}): choose another out=") from None


def read_plan(ledger: Path) -> Plan | None:
    """Returns the plan of a ledger, or None where there is none yet.

    Raises:
        UserError: campaign.yaml cannot be read, is of another schema, was edited by hand, or is no such file.
    """
    import yaml

    path = ledger / CAMPAIGN
    text = read_bytes(path)
    if text is None:
        return None
    try:
        content: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        schema = content.pop("schema")
        if schema != SCHEMA:
            raise UserError(f"{path}: ledger schema {schema}, but this finishline reads {SCHEMA}: use the version that wrote it")
        written = content.pop("content_hash")
        if written != content_hash({"schema": schema, **content}):
            raise UserError(f"{path} was changed by hand: put it back, or choose another out=")
        campaign = content.pop("campaign")
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is not a campaign's plan ({type(error).__name__}: {' '.join(str(error).split())})") from None
    plan = convert(content, Plan, path)
    if plan.campaign != campaign:
        raise UserError(f"{path} is not a campaign's plan: its campaign is not that of its seed, ruleset, evaluation period and salt")
    return plan
