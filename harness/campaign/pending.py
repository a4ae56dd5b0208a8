"""What a campaign still has to do: trials without a result, and failed ones that are to be tried again."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.campaign.plan import specs
from harness.errors import UserError
from harness.ledger.paths import TrialPaths, trash_for
from harness.ledger.plan import Plan
from harness.ledger.record import read_attempts, read_record
from harness.ledger.spec import TrialSpec, read_spec
from harness.project.project import Project


def is_pending(folder: Path, retries: int) -> bool:
    """Whether a trial has to be run: it has no result, or it failed (crash, memory, node) and was tried again fewer than `retries` times.

    Raises:
        UserError: its record is damaged.
    """
    record = read_record(folder)
    return record is None or (record.failed and sum(attempt.failed for attempt in read_attempts(folder)) < retries)


def must_match_hardware(fingerprint: str, trials: Iterable[TrialSpec], ledger: Path) -> None:
    """Raises UserError when a trial of the ledger was run on another kind of machine than this one."""
    for spec in trials:
        record = read_record(spec.folder(ledger))
        if record is not None and record.hardware != fingerprint:
            raise UserError(
                f"{ledger}: its trials ran on '{record.hardware}', and this machine is '{fingerprint}': go on there, choose another out=, "
                "or add fork=true"
            )
        if record is not None:
            return


def copy_valid_results(plan: Plan, project: Project, source: Path, target: Path, fingerprint: str | None) -> int:
    """Copies the results of another ledger that hold under this plan and on this kind of machine (None: on any); returns how many."""
    brought = 0
    for spec in specs(plan, project):
        old, new = spec.folder(source), spec.folder(target)
        record = read_record(old)
        if new.exists() or record is None or record.may_go_on or record.hardware != (fingerprint or record.hardware):
            continue
        if read_spec(TrialPaths(old).spec) == spec:
            new.parent.mkdir(parents=True, exist_ok=True)
            temporary = new.with_name(f".{new.name}.part")
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(old, temporary)
            temporary.rename(new)
            brought += 1
    return brought


def withdraw(ledger: Path, submission: str) -> None:
    """Moves a submission's trials to where neither the scorer nor a launch looks; nothing is lost."""
    if (ledger / submission).exists():
        trash = trash_for(ledger, submission)
        trash.parent.mkdir(exist_ok=True)
        (ledger / submission).rename(trash)
