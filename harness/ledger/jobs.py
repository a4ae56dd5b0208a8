"""What jobs are to run, and what they tell: plain JSON in the ledger, one folder for each array of jobs.

<ledger>/jobs/<batch>/
    trials.json      the trials in the order of the array; all that a job is given
    submitted.json   the job's id and the trials' folders; written once Slurm has it
    <index>.jsonl    what became of one trial's job: started, stopped, queued again, given up
    <job>_<index>_0_log.out, <job>_submission.sh
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from harness.errors import UserError
from harness.ledger.paths import JOBS
from harness.ledger.reading import read_bytes, read_json, write_json
from harness.ledger.spec import TrialSpec

TRIALS, SUBMITTED = "trials.json", "submitted.json"
EventKind = Literal["started", "stopped", "queued again", "given up", "ended"]


@dataclass(frozen=True, kw_only=True)
class _Trials:
    """The content of trials.json."""

    trials: tuple[TrialSpec, ...]
    retries: int
    log: str
    versions: Mapping[str, str] = field(default_factory=dict)
    time_min: int = 0
    notice_s: int = 0
    timeouts: int = 0


@dataclass(frozen=True, kw_only=True)
class Batch(_Trials):
    """An array of jobs: the i-th runs the i-th trial.

    `versions` are what the jobs must find on their node, or empty if they may find others. Times as in the launcher `Slurm`.
    """

    folder: Path

    @property
    def ledger(self) -> Path:
        """The campaign's folder."""
        return self.folder.parent.parent


@dataclass(frozen=True, kw_only=True)
class _Submitted:
    """The content of submitted.json."""

    job_id: str
    folders: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A batch that Slurm has: its folder, and the places of its trials in the ledger in the order of the array."""

    batch: Path
    job_id: str
    places: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened to one trial's job, and when (UTC).

    `why` it was stopped, and after how many `evaluations`; in `words` why it was given up.
    """

    at: str
    host: str
    event: EventKind
    restarts: int = 0
    why: str = ""
    evaluations: int = 0
    words: str = ""


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
    write_json(batch.folder / TRIALS, _Trials(**{field.name: getattr(batch, field.name) for field in fields(_Trials)}))


def read_batch(folder: Path) -> Batch:
    """Returns the batch in a folder; raises UserError when trials.json is missing or damaged."""
    content = read_json(folder / TRIALS, _Trials)
    if content is None:
        raise UserError(f"{folder / TRIALS} is missing: launch again")
    return Batch(folder=folder, **{field.name: getattr(content, field.name) for field in fields(_Trials)})


def write_submitted(batch: Batch, job_id: str) -> None:
    """Writes submitted.json."""
    places = tuple(spec.key.place for spec in batch.trials)
    write_json(batch.folder / SUBMITTED, _Submitted(job_id=job_id, folders=places))


def read_submitted(ledger: Path) -> list[Submitted]:
    """Returns what was submitted for a ledger, oldest first; raises UserError when a file is damaged."""
    found = []
    for path in sorted((ledger / JOBS).glob(f"*/{SUBMITTED}"), key=_order):
        content = read_json(path, _Submitted)
        if content is not None:
            found.append(Submitted(batch=path.parent, job_id=content.job_id, places=content.folders))
    return found


def unsubmitted(ledger: Path) -> list[Path]:
    """Returns the folders of batches of which it was not noted that Slurm has them."""
    return [path.parent for path in (ledger / JOBS).glob(f"*/{TRIALS}") if not (path.parent / SUBMITTED).exists()]


def _order(path: Path) -> tuple[str, int]:
    stem, _, number = path.parent.name.rpartition("-")
    return stem, int(number)


def node() -> str:
    """Returns the name of this machine, under Slurm its name there."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def log_event(
    folder: Path, index: int, event: EventKind, *, restarts: int = 0, why: str = "", evaluations: int = 0, words: str = ""
) -> None:
    """Adds an event to the log of one trial's job."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = Event(at=now, host=node(), event=event, restarts=restarts, why=why, evaluations=evaluations, words=words)
    with (folder / f"{index}.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")


def read_events(folder: Path, index: int) -> list[Event]:
    """Returns the events of one trial's job, oldest first; a line that was cut short is passed over."""
    found = []
    for line in (read_bytes(folder / f"{index}.jsonl") or b"").splitlines():
        with suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=Event))
    return found


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """The content of versions.json: what a preflight job must find."""

    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _JobId:
    """The content of job.json."""

    job_id: str


@dataclass(frozen=True, kw_only=True)
class _Passed:
    """The content of passed.json: the node on which everything was in place."""

    node: str


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """A preflight job: its folder, Slurm's id, and whether it found everything in place."""

    folder: Path
    job_id: str
    passed: bool


def preflight_folder(ledger: Path, name: str) -> Path:
    """Returns the folder of a preflight job."""
    return ledger / JOBS / f"first-{name}"


def write_wanted(folder: Path, versions: Mapping[str, str]) -> None:
    """Makes the folder of a preflight job, with what it must find."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "versions.json", _Wanted(versions=versions))


def read_wanted(folder: Path) -> Mapping[str, str]:
    """Returns the versions that a preflight job must find."""
    wanted = read_json(folder / "versions.json", _Wanted)
    return wanted.versions if wanted else {}


def write_preflight_id(folder: Path, job_id: str) -> None:
    """Notes that Slurm has the preflight job."""
    write_json(folder / "job.json", _JobId(job_id=job_id))


def write_passed(folder: Path) -> None:
    """Notes that this node has everything in place."""
    write_json(folder / "passed.json", _Passed(node=node()))


def read_preflight(folder: Path) -> Preflight | None:
    """Returns the preflight job in a folder, None where there is none."""
    job = read_json(folder / "job.json", _JobId)
    return Preflight(folder=folder, job_id=job.job_id, passed=(folder / "passed.json").exists()) if job else None


def read_preflights(ledger: Path) -> list[Preflight]:
    """Returns the preflight jobs of a ledger."""
    found = (read_preflight(folder) for folder in sorted((ledger / JOBS).glob("first-*")))
    return [job for job in found if job is not None]
