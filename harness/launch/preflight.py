"""The preflight job of a launch: can the nodes do what all trials will ask of them? The trials wait for it, and are not started if not.

<ledger>/jobs/first-<hash>/
    versions.json  what it must find
    job.json       Slurm's id of the job
    passed.json    written by the job itself; the same resources are not checked again
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.errors import UserError
from harness.launch.launchers.slurm import Resources
from harness.ledger.jobs import node, preflight_folder, read_wanted, write_passed
from harness.machine.hardware import versions

TIME_MIN = 5


def short(resources: Resources) -> Resources:
    """Returns what is asked for to see the nodes of these trials: the same place, and little of it."""
    return replace(resources, nodes=1, gpus=0, cpus=1, memory_gb=1.0, time_min=TIME_MIN, exclusive=False)


def wanted_versions(resources: Resources) -> dict[str, str]:
    """Returns the versions that a job must find; none where it was said how Python is started."""
    return {} if resources.python else versions()


def folder_of(ledger: Path, resources: Resources) -> Path:
    """Returns the folder of the preflight job for these resources."""
    place = json.dumps([repr(short(resources)), wanted_versions(resources)], sort_keys=True)
    return preflight_folder(ledger, hashlib.sha256(place.encode()).hexdigest()[:12])


def run(folder: Path) -> None:
    """Is the job.

    Raises:
        UserError: this node has other versions, or cannot write the ledger or the data cache.
    """
    from harness.data import CACHE_VARIABLE, cache_root  # imports torch, which is slow and not needed for `finishline status`

    must_have(read_wanted(folder))
    cache = cache_root()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        words = f"{node()} cannot write the data cache {cache} ({error.strerror})"
        raise UserError(f"{words}: set {CACHE_VARIABLE} in launcher.setup to a folder that all nodes can write") from None
    try:
        write_passed(folder)
    except OSError as error:
        raise UserError(f"{node()} cannot write {folder} ({error.strerror}): choose an out= that all nodes can write") from None


def must_have(wanted: Mapping[str, str]) -> None:
    """Raises UserError when this node has other versions than the machine that launched."""
    here = versions()
    wrong = [f"{name} {here.get(name)} and not {version}" for name, version in wanted.items() if here.get(name) != version]
    if wrong:
        raise UserError(f"{node()} has {', '.join(wrong)}: give launcher.setup or launcher.python so that all nodes have the same")
