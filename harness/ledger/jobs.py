"""What jobs are to run, and what they tell: plain JSON in the ledger, one folder for each array of jobs.

<ledger>/jobs/<batch>/
    trials.json      the trials in the order of the array; all that a job is given
    submitted.json   the job's id and the trials' folders; written once Slurm has it
    <index>.jsonl    what became of one trial's job: started, stopped, queued again, given up
    <job>_<index>_0_log.out, <job>_submission.sh
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import write_atomically
from harness.ledger import SCHEMA
from harness.ledger.spec import TrialSpec

JOBS = "jobs"


@dataclass(frozen=True)
class Batch:
    """An array of jobs: the i-th runs the i-th trial.

    `versions` are what the jobs must find on their node, or empty if they may find others. Times as in the launcher `Slurm`.
    """

    folder: Path
    trials: tuple[TrialSpec, ...]
    retries: int
    log: str
    versions: Mapping[str, str]
    time_min: int = 0
    notice_s: int = 0
    timeouts: int = 0

    @property
    def ledger(self) -> Path:
        """The campaign's folder."""
        return self.folder.parent.parent


@dataclass(frozen=True)
class Submitted:
    """A batch that Slurm has: the folders of its trials relative to the ledger, in the order of the array."""

    batch: Path
    job_id: str
    folders: tuple[str, ...]


def new_folder(ledger: Path) -> Path:
    """Makes the folder of a new batch."""
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1, 10_000):
        folder = ledger / JOBS / f"{stem}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise UserError(f"{ledger / JOBS} is full of batches of this second: start again")


def write_batch(batch: Batch) -> None:
    """Writes trials.json."""
    numbers = {name: getattr(batch, name) for name in ("retries", "log", "time_min", "notice_s", "timeouts")}
    content = {"schema": SCHEMA, **numbers, "versions": dict(batch.versions), "trials": [spec.to_json() for spec in batch.trials]}
    write_atomically(batch.folder / "trials.json", json.dumps(content))


def read_batch(folder: Path) -> Batch:
    """Reads trials.json; raises UserError when it is none."""
    path = folder / "trials.json"
    try:
        content = json.loads(path.read_text())
        if content.pop("schema") != SCHEMA:
            raise UserError(f"{path}: another schema than {SCHEMA}, which this finishline reads: use the version that wrote it")
        trials = tuple(TrialSpec.from_json(fields, str(path)) for fields in content.pop("trials"))
        return Batch(folder=folder, trials=trials, **content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read as trials ({error})") from None


def write_submitted(batch: Batch, job_id: str) -> None:
    """Writes submitted.json."""
    folders = [str(spec.folder(Path())) for spec in batch.trials]
    write_atomically(batch.folder / "submitted.json", json.dumps({"schema": SCHEMA, "job_id": job_id, "folders": folders}))


def read_submitted(ledger: Path) -> list[Submitted]:
    """Returns what was submitted for a ledger, oldest first."""
    found = []
    for path in sorted((ledger / JOBS).glob("*/submitted.json"), key=_order):
        content = json.loads(path.read_text())
        found.append(Submitted(path.parent, content["job_id"], tuple(content["folders"])))
    return found


def _order(path: Path) -> tuple[str, int]:
    stem, _, number = path.parent.name.rpartition("-")
    return stem, int(number)


def node() -> str:
    """Returns the name of this machine, under Slurm its name there."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def log_event(folder: Path, index: int, event: str, **more: Any) -> None:
    """Adds a line to what became of one trial's job."""
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "host": node(), "event": event, **more}
    with (folder / f"{index}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_events(folder: Path, index: int) -> list[dict[str, Any]]:
    """Returns what became of one trial's job, oldest first; a line that was cut short is passed over."""
    found = []
    try:
        lines = (folder / f"{index}.jsonl").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
