"""What is to be run: one trial, in full."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger import SCHEMA
from harness.workload import WorkloadConfig

HyperparameterValue = float | int | str | bool


@dataclass(frozen=True)
class TrialSpec:
    """Submission x workload x hyperparameters x seed. Field by field as in docs/ledger.md; `salt` is the commitment."""

    campaign: str | None
    submission: str
    submission_path: str
    source_hash: str
    hp: Mapping[str, HyperparameterValue]
    workload: WorkloadConfig
    workload_path: str
    ruleset: str
    budget_s: float
    evaluate_every: int
    study: int
    trial: int
    seed: int
    sandbox: str = "none"
    checkpoint_period_s: float = 60.0
    salt: str | None = None

    def folder(self, ledger: Path) -> Path:
        """Returns where this trial lies in a ledger."""
        return trial_folder(ledger, self.submission, self.workload.id, self.study, self.trial)

    def to_json(self) -> dict[str, Any]:
        """Returns the content of spec.json."""
        return {"schema": SCHEMA, **asdict(self)}

    @staticmethod
    def from_json(fields: Mapping[str, Any], where: str = "spec.json") -> "TrialSpec":
        """Returns the spec that `to_json` gave.

        Raises:
            UserError: another schema, or fields are missing or unknown.
        """
        values = dict(fields)
        if values.pop("schema", None) != SCHEMA:
            raise UserError(f"{where}: schema {fields.get('schema')!r}, but this finishline reads {SCHEMA}: use the version that wrote it")
        try:
            return TrialSpec(**{**values, "workload": WorkloadConfig(**values["workload"])})
        except (TypeError, KeyError) as error:
            raise UserError(f"{where}: not a trial's spec ({error})") from None


def trial_folder(ledger: Path, submission: str, workload: str, study: int, trial: int) -> Path:
    """Returns where a trial lies in a ledger; `workload` is name/tier."""
    return ledger / submission / workload.replace("/", "-") / f"study_{study}" / f"trial_{trial}"


def read_spec(path: Path) -> TrialSpec:
    """Reads a spec.json; raises UserError when it is none."""
    try:
        return TrialSpec.from_json(json.loads(path.read_text()), str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: cannot be read as a spec ({error})") from None
