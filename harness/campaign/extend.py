"""From what is asked for and what a ledger has to the plan that holds from now on, and where."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from harness.campaign.pending import copy_valid_results, must_match_hardware
from harness.campaign.plan import plan_submission, specs, with_ranks
from harness.errors import UserError, suggest
from harness.ledger.lock import LockHeld, TrialLock
from harness.ledger.plan import Plan, read_plan, write_plan
from harness.machine.calibration import read_calibration, with_budgets
from harness.machine.hardware import this_machine
from harness.project.config import LaunchOptions
from harness.project.project import Project
from harness.project.rulesets import Racing
from harness.salt import commitment, read_salt

LOCK_WAIT_S = 60.0


def ledger_and_plan(project: Project, given: LaunchOptions, named: frozenset[str]) -> tuple[Path, Plan]:
    """Returns where the campaign will be and its plan: what is asked for, together with all that the ledger has already.

    With `fork=true` it is the first of out=, its fork 1, its fork 2, ... that nothing contradicts. Writes nothing.

    Args:
        project: where workloads and submissions are.
        given: the options of `launch`.
        named: those that were written on the command line; the others give way to what the ledger has.

    Raises:
        UserError: unknown names, or something that the ledger has was changed since.
    """
    out = Path(given.out).absolute()
    asked = extended(project, given, named, read_plan(out))
    for ledger in (out, *(fork_of(out, number) for number in range(1, 100))):
        try:
            plan = asked if ledger == out else extended(project, given, named, read_plan(ledger) or read_plan(out))
            earlier = read_plan(ledger)
            if earlier is not None:
                plan.must_extend(earlier, ledger)
                if given.launcher.runs_here:
                    must_match_hardware(this_machine().fingerprint, specs(plan, project), ledger)
            return ledger, plan
        except UserError:
            if not given.fork:
                raise
    raise UserError(f"{out} has 99 forks that are all contradicted: choose another out=")


def publish(project: Project, given: LaunchOptions, named: frozenset[str]) -> tuple[Path, Plan]:
    """Does what `ledger_and_plan` does and writes campaign.yaml; one launch at a time, so that none loses what another has added."""
    ledger, _ = ledger_and_plan(project, given, named)
    try:
        ledger.mkdir(parents=True, exist_ok=True)
        with _alone(ledger):
            ledger, plan = ledger_and_plan(project, given, named)
            if read_plan(ledger) is None and ledger != Path(given.out).absolute():
                fingerprint = this_machine().fingerprint if given.launcher.runs_here else None
                copy_valid_results(plan, project, Path(given.out).absolute(), ledger, fingerprint)
            write_plan(ledger, plan)
    except OSError as error:
        raise UserError(f"{ledger} cannot be written ({error.strerror}): choose another out=") from None
    return ledger, plan


def extended(project: Project, given: LaunchOptions, named: frozenset[str], earlier: Plan | None) -> Plan:
    """Returns the plan that is asked for, on top of an earlier one.

    Raises:
        UserError: unknown names, a name twice, or nothing to run.
    """
    for option, chosen in (("submissions", given.submissions), ("workloads", given.workloads)):
        if len(set(chosen)) < len(chosen) or not (chosen or earlier):
            raise UserError(f"launch: {option} must be a list of different names, not {chosen}")
    workloads, submissions = list(given.workloads), list(given.submissions)
    studies = given.studies or (earlier.studies if earlier and "ruleset" not in named else given.ruleset.studies)
    racing = cast(Racing, given.racing)
    salt = commitment(read_salt(Path(given.salt))) if given.salt else None
    plan = Plan(
        seed=given.seed,
        ruleset=given.ruleset,
        evaluation_period=given.evaluation_period,
        sandbox=given.sandbox,
        studies=studies,
        workloads=(),
        submissions=(),
        racing=racing,
        hardware=given.hardware,
        ranks=given.ranks,
        salt=salt,
        checkpoint_period_s=given.checkpoint_period_s,
    )
    if earlier is not None:
        keeps = ("seed", "ruleset", "evaluation_period", "sandbox", "racing", "hardware", "ranks", "salt", "checkpoint_period_s")
        kept = {name: getattr(earlier, name) for name in keeps if name not in named}
        plan = replace(plan, studies=max(studies, earlier.studies), **kept)
        workloads = list(dict.fromkeys((*(w.id for w in earlier.workloads), *workloads)))
        names = {s.name: s.path for s in earlier.submissions}
        for name in given.withdraw:
            if name not in names:
                raise UserError(f"launch: withdraw: no submission '{name}' in {given.out}{suggest(name, names)}")
        kept_paths = [path for name, path in names.items() if name not in given.withdraw]
        submissions = kept_paths + [s for s in submissions if project.submission_folder(s).name not in names]
    configured = tuple(with_ranks(project.workload(name), plan.ranks) for name in workloads)
    if plan.hardware is not None:
        configured = with_budgets(configured, read_calibration(project.hardware, plan.hardware), plan.hardware)
    return replace(
        plan,
        workloads=configured,
        submissions=tuple(plan_submission(project, name, plan.ruleset, plan.studies, plan.seed) for name in submissions),
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
