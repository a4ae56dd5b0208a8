"""Where things lie in a ledger. No other module builds a path into one.

<ledger>/campaign.yaml  signature.json  jobs/  .withdrawn/
<ledger>/<submission>/<name>-<tier>/study_<k>/trial_<i>/    the files of `TrialPaths`
"""

from pathlib import Path
from typing import NamedTuple

CAMPAIGN = "campaign.yaml"
SIGNATURE = "signature.json"
JOBS = "jobs"
WITHDRAWN = ".withdrawn"
LEVELS = 4
"""Folders between a ledger and the inside of a trial."""


class TrialKey(NamedTuple):
    """Which trial of a campaign; `workload` is name/tier."""

    submission: str
    workload: str
    study: int
    trial: int

    @property
    def place(self) -> str:
        """The trial's folder, relative to the ledger."""
        return f"{self.submission}/{self.workload.replace('/', '-')}/study_{self.study}/trial_{self.trial}"

    def folder(self, ledger: Path) -> Path:
        """The trial's folder."""
        return ledger / self.place

    def __str__(self) -> str:
        return f"study {self.study}, trial {self.trial} of {self.submission} on {self.workload}"


def record_path(ledger: str | Path, place: str) -> str:
    """Returns the path of a trial's record, given the trial's place, as text: pathlib would take seconds for 18,000 of them."""
    return f"{ledger}/{place}/record.json"


class TrialPaths:
    """The files of one trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = folder / "spec.json"
        self.environment = folder / "environment.json"
        self.source = folder / "source"
        self.log = folder / "log.txt"
        self.rows = folder / "evals.csv"
        self.segments = folder / "segments.json"
        self.attempts = folder / "attempts.jsonl"
        self.record = folder / "record.json"
        self.weights = folder / "target.safetensors"
        self.checkpoints = folder / "checkpoint"
        self.nodes = folder / "nodes"

    @property
    def ledger(self) -> Path:
        """The ledger that the trial lies in."""
        return self.folder.parents[LEVELS - 1]

    @property
    def place(self) -> str:
        """The folder, relative to the ledger."""
        return self.folder.relative_to(self.ledger).as_posix()


def trash_for(ledger: Path, submission: str) -> Path:
    """Returns a new place for the trials of a submission that was withdrawn: neither the scorer nor a launch looks there."""
    trash = ledger / WITHDRAWN
    number = 1 + sum(path.name.startswith(f"{submission}.") for path in trash.iterdir()) if trash.exists() else 1
    return trash / f"{submission}.{number}"
