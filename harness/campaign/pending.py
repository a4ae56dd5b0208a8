"""What a campaign still has to do: trials without a result, and failed ones that are to be tried again."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from harness.campaign.plan import Plan
from harness.campaign.status import FAILED
from harness.errors import UserError
from harness.ledger.record import RESUMABLE, read_record
from harness.ledger.spec import TrialSpec, read_spec
from harness.project.project import Project

WITHDRAWN = ".withdrawn"


def is_pending(folder: Path, retries: int) -> bool:
    """Whether a trial has to be run: it has no result, or it failed (crash, memory, node) and was tried again less than `retries` times."""
    try:
        verdict = json.loads((folder / "record.json").read_bytes())["verdict"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return verdict in FAILED and _tried_again(folder) < retries


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
    for spec in plan.trials(project):
        old, new = spec.folder(source), spec.folder(target)
        record = read_record(old)
        if new.exists() or record is None or record.verdict in RESUMABLE or record.hardware != (fingerprint or record.hardware):
            continue
        if read_spec(old / "spec.json") == spec:
            new.parent.mkdir(parents=True, exist_ok=True)
            temporary = new.with_name(f".{new.name}.part")
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(old, temporary)
            temporary.rename(new)
            brought += 1
    return brought


def withdraw(ledger: Path, submission: str) -> None:
    """Moves a submission's trials to where neither the scorer nor a launch looks; nothing is lost."""
    source, withdrawn = ledger / submission, ledger / WITHDRAWN
    if source.exists():
        withdrawn.mkdir(exist_ok=True)
        number = sum(path.name.startswith(f"{submission}.") for path in withdrawn.iterdir()) + 1
        source.rename(withdrawn / f"{submission}.{number}")


def _tried_again(folder: Path) -> int:
    from harness.trial.folder import ATTEMPTS  # imports torch, which planning a campaign does not need

    try:
        return sum(json.loads(line)["verdict"] in FAILED for line in (folder / ATTEMPTS).read_text().splitlines())
    except OSError:
        return 0
