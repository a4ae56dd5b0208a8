"""The first short job of a launch: can the nodes do what all trials will ask of them? The trials wait for it and are not started if not.

<ledger>/jobs/first-<hash>/
    versions.json  what it must find
    job.json       Slurm's id of the job
    passed.json    written by the job itself; the same place is not asked again
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.files import write_atomically
from harness.launch.launchers.slurm import Resources
from harness.ledger.jobs import JOBS, node
from harness.machine.hardware import versions

TIME_MIN = 5


@dataclass(frozen=True)
class Preflight:
    """A first short job: its folder, Slurm's id, and whether the job found everything in place."""

    folder: Path
    job_id: str
    passed: bool


def short(resources: Resources) -> Resources:
    """Returns what is asked for to see the nodes of these trials: the same place, and little of it."""
    return replace(resources, nodes=1, gpus=0, cpus=1, memory_gb=1.0, time_min=TIME_MIN, exclusive=False)


def wanted_versions(resources: Resources) -> dict[str, str]:
    """Returns the versions that a job must find; none where it was said how Python is started."""
    return {} if resources.python else versions()


def folder_of(ledger: Path, resources: Resources) -> Path:
    """Returns the folder of the first short job for these resources."""
    place = json.dumps([repr(short(resources)), wanted_versions(resources)], sort_keys=True)
    return ledger / JOBS / f"first-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def prepare(folder: Path, resources: Resources) -> None:
    """Makes the folder with all that the job is given."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "versions.json", json.dumps(wanted_versions(resources)))


def note(folder: Path, job_id: str) -> None:
    """Writes down that Slurm has the job."""
    write_atomically(folder / "job.json", json.dumps({"job_id": job_id}))


def read(folder: Path) -> Preflight | None:
    """Returns the first short job in a folder, None where there is none."""
    try:
        job_id = json.loads((folder / "job.json").read_text())["job_id"]
    except (OSError, ValueError, KeyError):
        return None
    return Preflight(folder, job_id, (folder / "passed.json").exists())


def read_all(ledger: Path) -> list[Preflight]:
    """Returns the first short jobs of a ledger."""
    return [first for folder in sorted((ledger / JOBS).glob("first-*")) if (first := read(folder)) is not None]


def run(folder: Path) -> None:
    """Is the job.

    Raises:
        UserError: this node has other versions, or cannot write the ledger or the data cache.
    """
    from harness.data import CACHE_VARIABLE, cache_root  # imports torch, which is slow and not needed for `finishline status`

    must_have(json.loads((folder / "versions.json").read_text()))
    cache = cache_root()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        words = f"{node()} cannot write the data cache {cache} ({error.strerror})"
        raise UserError(f"{words}: set {CACHE_VARIABLE} in launcher.setup to a folder that all nodes can write") from None
    try:
        write_atomically(folder / "passed.json", json.dumps({"node": node()}))
    except OSError as error:
        raise UserError(f"{node()} cannot write {folder} ({error.strerror}): choose an out= that all nodes can write") from None


def must_have(wanted: Mapping[str, str]) -> None:
    """Raises UserError when this node has other versions than the machine that launched."""
    here = versions()
    wrong = [f"{name} {here.get(name)} and not {version}" for name, version in wanted.items() if here.get(name) != version]
    if wrong:
        raise UserError(f"{node()} has {', '.join(wrong)}: give launcher.setup or launcher.python so that all nodes have the same")
