"""From what is asked for and what a ledger has to the plan that holds from now on, and where."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.campaign.pending import copy_valid_results, must_match_hardware
from harness.campaign.plan import plan_submission, specs, with_ranks
from harness.errors import UserError, suggest
from harness.ledger.lock import LockHeld, TrialLock
from harness.ledger.plan import Plan, read_plan, write_plan
from harness.machine.calibration import read_calibration, with_budgets
from harness.machine.hardware import this_machine
from harness.project.project import Project
from harness.trial.source import hash_folder

LOCK_WAIT_S = 60.0


@dataclass(frozen=True)
class CampaignRequest:
    """What a launch asks of a campaign.

    `settings` are the fields of the plan that hold for all its trials, `named` those of them that were asked for: the others give way to
    what the ledger has. `runs_here`: trials are run on this machine.
    """

    out: Path
    submissions: Sequence[str]
    workloads: Sequence[str]
    withdraw: Sequence[str]
    studies: int | None
    fork: bool
    runs_here: bool
    settings: Mapping[str, Any]
    named: frozenset[str]


def ledger_and_plan(project: Project, request: CampaignRequest) -> tuple[Path, Plan]:
    """Returns where the campaign will be and its plan: what is asked for, together with all that the ledger has already.

    With `fork=true` it is the first of out=, its fork 1, its fork 2, ... that nothing contradicts. Writes nothing.

    Raises:
        UserError: unknown names, or something that the ledger has was changed since.
    """
    out = request.out
    asked = extended(project, request, read_plan(out))
    for ledger in (out, *(fork_of(out, number) for number in range(1, 100))):
        try:
            plan = asked if ledger == out else extended(project, request, read_plan(ledger) or read_plan(out))
            earlier = read_plan(ledger)
            if earlier is not None:
                plan.must_extend(earlier, ledger)
                if request.runs_here:
                    must_match_hardware(this_machine().fingerprint, specs(plan, project), ledger)
            return ledger, plan
        except UserError:
            if not request.fork:
                raise
    raise UserError(f"{out} has 99 forks that are all contradicted: choose another out=")


def publish(project: Project, request: CampaignRequest) -> tuple[Path, Plan]:
    """Does what `ledger_and_plan` does and writes campaign.yaml; one launch at a time, so that none loses what another has added."""
    ledger, _ = ledger_and_plan(project, request)
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        with _alone(ledger):
            ledger, plan = ledger_and_plan(project, request)
            if read_plan(ledger) is None and ledger != request.out:
                fingerprint = this_machine().fingerprint if request.runs_here else None
                copy_valid_results(plan, project, request.out, ledger, fingerprint)
            write_plan(ledger, plan)
    except OSError as error:
        raise UserError(f"{ledger} cannot be written ({error.strerror}): choose another out=") from None
    return ledger, plan


def extended(project: Project, request: CampaignRequest, earlier: Plan | None) -> Plan:
    """Returns the plan that is asked for, on top of an earlier one.

    Raises:
        UserError: a submission to withdraw that is not there, or less than the ledger has.
    """
    if earlier is None:
        studies = request.studies or request.settings["ruleset"].studies
        return _plan(project, request.settings, studies, request.workloads, request.submissions)
    settings = {name: value if name in request.named else getattr(earlier, name) for name, value in request.settings.items()}
    wanted = request.studies or (settings["ruleset"].studies if "ruleset" in request.named else earlier.studies)
    if request.studies is not None and request.studies < earlier.studies:
        raise UserError(
            f"launch: studies={request.studies}: the campaign in {request.out} has {earlier.studies} already, and it can only grow"
        )
    folders = {s.name: s.path for s in earlier.submissions}
    for name in request.withdraw:
        if name not in folders:
            raise UserError(f"launch: withdraw: no submission '{name}' in {request.out}{suggest(name, folders)}")
    for submission in request.submissions:
        _must_be_the_same(project, submission, earlier, request)
    kept = [path for name, path in folders.items() if name not in request.withdraw]
    added = [s for s in request.submissions if project.submission_folder(s).name not in folders]
    workloads = list(dict.fromkeys((*(w.id for w in earlier.workloads), *request.workloads)))
    return _plan(project, settings, max(wanted, earlier.studies), workloads, kept + added)


def _plan(project: Project, settings: Mapping[str, Any], studies: int, workloads: Sequence[str], submissions: Sequence[str]) -> Plan:
    """Returns a plan with the points of all trials, and budgets by the machine where one is named."""
    plan = Plan(**settings, studies=studies, workloads=(), submissions=())
    configured = tuple(with_ranks(project.workload(name), plan.ranks) for name in workloads)
    if plan.hardware is not None:
        configured = with_budgets(configured, read_calibration(project.hardware, plan.hardware), plan.hardware)
    planned = tuple(plan_submission(project, name, plan.ruleset, studies, plan.seed) for name in submissions)
    return replace(plan, workloads=configured, submissions=planned)


def _must_be_the_same(project: Project, submission: str, earlier: Plan, request: CampaignRequest) -> None:
    """Raises UserError when the ledger has another submission of this name, or this one is to be withdrawn at the same time."""
    folder = project.submission_folder(submission)
    if folder.name in request.withdraw:
        raise UserError(f"launch: '{folder.name}' is in submissions and in withdraw: leave it out of one")
    there = next((s for s in earlier.submissions if s.name == folder.name), None)
    if there is not None and Path(there.path).resolve() != folder.resolve() and hash_folder(folder) != there.source_hash:
        raise UserError(
            f"launch: the campaign in {request.out} has another submission called '{folder.name}', from {there.path}: rename the folder"
        )


def fork_of(ledger: Path, number: int) -> Path:
    """Returns where the n-th fork of a campaign lies."""
    return ledger.with_name(f"{ledger.name}-fork{number}")


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    """Waits for other launches that are planning on this ledger."""
    deadline = time.monotonic() + LOCK_WAIT_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(TrialLock(ledger))
                break
            except LockHeld:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield
