"""What is to be run: one trial, in full."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger.paths import TrialKey
from harness.ledger.reading import read_json
from harness.workload import WorkloadConfig


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """Submission x workload x hyperparameters x seed. Field by field as in docs/ledger.md; `salt` is the commitment."""

    campaign: str | None
    submission: str
    submission_path: str
    source_hash: str
    hp: Mapping[str, float | int | str | bool | list[Any]]
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

    @property
    def key(self) -> TrialKey:
        """Which trial of its campaign it is."""
        return TrialKey(self.submission, self.workload.id, self.study, self.trial)

    def folder(self, ledger: Path) -> Path:
        """Returns where this trial lies in a ledger."""
        return self.key.folder(ledger)

    def differences(self, other: "TrialSpec") -> list[str]:
        """Returns the fields in which two specs differ; from where submission and workload are read may differ."""
        names = (field.name for field in fields(self) if not field.name.endswith("_path"))
        return sorted(name for name in names if getattr(self, name) != getattr(other, name))


def read_spec(path: Path) -> TrialSpec:
    """Returns a spec.json; raises UserError when it is missing or is none."""
    spec = read_json(path, TrialSpec)
    if spec is None:
        raise UserError(f"{path} is missing: restore it, or remove the trial's folder")
    return spec
