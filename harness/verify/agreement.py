"""Do spec, record, source and weights of a trial agree with each other, with the folder's name and with the project?"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from harness.base.files import file_sha256
from harness.errors import UserError
from harness.ledger.chain import genesis
from harness.ledger.record import Record
from harness.ledger.rows import first_unchained, last_chain
from harness.ledger.segments import read_environment
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.trial.source import hash_folder
from harness.verify.trial import Trial

OTHER_MEANING = ("workload", "sandbox")
"""Fields of both that say different things: the record has the workload's name and the sandbox that really was."""


def agreement(trial: Trial) -> Iterator[str]:
    """Yields where the files of a trial contradict each other."""
    spec, record = trial.spec, trial.record
    if trial.folder != spec.folder(trial.ledger):
        yield f"spec.json is of {spec.folder(trial.ledger).relative_to(trial.ledger)}, not of this folder"
    for name in (f.name for f in fields(Record)):
        if name in TrialSpec.__dataclass_fields__ and name not in OTHER_MEANING:
            yield from _differs(f"record.json: {name}", getattr(record, name), "spec.json", getattr(spec, name))
    workload = spec.workload
    yield from _differs("record.json: workload", record.workload, "spec.json", workload.id)
    yield from _differs("record.json: workload_version", record.workload_version, "spec.json", workload.version)
    for name in ("metric", "direction", "target"):
        yield from _differs(f"record.json: {name}", getattr(record, name), "spec.json", getattr(workload, name))
    if spec.sandbox not in ("auto", record.sandbox.partition("+")[0]):
        yield f"record.json: sandbox is {record.sandbox}, but {spec.sandbox} was asked for"
    if len(record.segments) == 1:
        yield from _environment(trial)


def chain(trial: Trial) -> Iterator[str]:
    """Yields where record, rows and spec are not those that were chained together."""
    path, record = trial.files.rows, trial.record
    if record.spec_sha256 != genesis(trial.files.spec):
        yield "spec.json does not hash to spec_sha256: it was changed"
    if (number := first_unchained(path)) is not None:
        yield f"evals.csv: the chain breaks at line {number + 2}: a row was changed, added or taken out, or spec.json was changed"
    if record.chain != last_chain(path):
        yield "record.json: chain is not that of the last row of evals.csv: rows were changed, added or taken out"


def source(trial: Trial) -> Iterator[str]:
    """Yields a finding when source/ is not what ran."""
    folder = trial.files.source
    if not folder.is_dir():
        yield "source/ is missing"
    elif hash_folder(folder) != trial.spec.source_hash:
        yield "source/ does not hash to source_hash: a file of the submission was changed"


def weights_file(trial: Trial) -> Iterator[str]:
    """Yields a finding when target.safetensors is not the file of the record."""
    path, record = trial.files.weights, trial.record
    if record.verdict != "reached":
        if path.exists() or record.weights_sha256 is not None:
            yield f"there are weights that reached the target, but the verdict is {record.verdict}"
    elif not path.exists():
        yield "target.safetensors is missing"
    elif file_sha256(path) != record.weights_sha256:
        yield "target.safetensors does not hash to weights_sha256: the weights were changed"


def workload_version(trial: Trial, project: Project) -> Iterator[str]:
    """Yields a finding when the workload is not the project's; it can then not be evaluated again."""
    config = trial.spec.workload
    try:
        ours = project.workload(config.id)
    except UserError as error:
        yield str(error)
        return
    names = [field.name for field in fields(config) if getattr(ours, field.name) != getattr(config, field.name)]
    different = [f"{name} {getattr(config, name)} (project: {getattr(ours, name)})" for name in names]
    if different:
        yield f"spec.json: another version of {config.id} than the project's, with {', '.join(different)}"


def _environment(trial: Trial) -> Iterator[str]:
    try:
        there = read_environment(trial.folder)
    except UserError as error:
        yield str(error)
        return
    if there is None:
        yield "environment.json is missing"
    else:
        yield from _differs("record.json: hardware", trial.record.hardware, "environment.json", there.fingerprint)


def _differs(what: str, ours: Any, where: str, theirs: Any) -> Iterator[str]:
    if ours != theirs:
        yield f"{what} is {ours}, {where} says {theirs}"
