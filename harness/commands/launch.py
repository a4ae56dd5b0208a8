"""finishline launch: all trials of a campaign that have not been run yet."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.callbacks.callback_list import with_callbacks
from harness.callbacks.display import Display
from harness.callbacks.panel import Panel
from harness.campaign.extend import ledger_and_plan, publish
from harness.campaign.pending import is_pending, withdraw
from harness.campaign.plan import specs
from harness.campaign.status import read_status
from harness.commands.sign import sign_ledger
from harness.data import cache_root
from harness.errors import UserError
from harness.launch.local import run_due
from harness.launch.options import Local, Slurm
from harness.launch.slurm import must_fit, preview, submit
from harness.launch.workers import run_in_workers
from harness.ledger.plan import Plan
from harness.ledger.signature import read_private_key
from harness.ledger.spec import TrialSpec
from harness.project.config import LaunchOptions, options
from harness.project.project import Project
from harness.racing.racer import requeue_stopped, unjustified_stops
from harness.salt import keep_salt, read_salt
from harness.trial.import_check import check_importable


def main(arguments: Sequence[str], root: Path) -> int:
    """Plans, says what it will cost, writes campaign.yaml, runs what is due and prints what it took."""
    project, given = Project(root), options(Project(root).configs, "launch", LaunchOptions, arguments)
    named = frozenset(text.partition("=")[0] for text in arguments)
    ledger, plan = ledger_and_plan(project, given, named)
    for submission in plan.submissions:
        check_importable(Path(submission.path), given.sandbox)
    if given.key is not None:
        if not given.launcher.runs_here:
            raise UserError("launch: key= signs at the end of a launch on this machine: when the jobs have ended, use finishline sign")
        read_private_key(Path(given.key))
    console = Console(highlight=False)
    due = due_trials(project, plan, ledger, given.retries)
    words = cost(plan, due, ledger, given)
    if isinstance(given.launcher, Slurm):
        must_fit(due, given.launcher)
    if given.dry_run:
        console.print(words, soft_wrap=True)
        if isinstance(given.launcher, Slurm):
            console.print(preview(due, ledger, given.launcher), soft_wrap=True, markup=False)
        return 0
    if given.salt:
        keep_salt(read_salt(Path(given.salt)), cache_root())
    ledger, plan = publish(project, given, named)
    for name in given.withdraw:
        withdraw(ledger, name)
    requeue_stopped(plan, ledger)
    due = due_trials(project, plan, ledger, given.retries)
    console.print(cost(plan, due, ledger, given), soft_wrap=True)
    if isinstance(given.launcher, Slurm):
        console.print(submit(due, ledger, given.launcher, given.retries, given.log), soft_wrap=True)
        return 0
    total, begun = sum(1 for _ in plan.trials()), time.monotonic()
    if isinstance(given.launcher, Local) and given.launcher.workers > 1:
        panel = Panel(console, total, total - len(due))
        totals = run_in_workers(due, ledger, given.launcher.workers, given.retries, given.log, panel)
    else:
        with with_callbacks(Display(console, total, total - len(due)), given.log, ledger, console) as callback:
            totals = run_due(due, ledger, cache_root(), callback, given.retries)
    if totals.trials:
        share = 1 - totals.time_s / totals.wall_s
        took = f"{totals.trials} trials in {time.monotonic() - begun:.0f} s"
        console.print(f"{took}: of their {totals.wall_s:.0f} s {totals.time_s:.0f} s on the clock, {share:.0%} off it", soft_wrap=True)
    if given.key is not None:
        console.print(sign_ledger(ledger, project, Path(given.key)), soft_wrap=True)
    return 0


def due_trials(project: Project, plan: Plan, ledger: Path, retries: int) -> list[TrialSpec]:
    """Returns the trials that are to be run, in the order of the plan."""
    again = unjustified_stops(plan, ledger)
    return [spec for spec in specs(plan, project) if (folder := spec.folder(ledger)) in again or is_pending(folder, retries)]


def cost(plan: Plan, due: Sequence[TrialSpec], ledger: Path, given: LaunchOptions) -> str:
    """Returns in words what a launch will cost.

    Raises:
        UserError: it is more than goes without `confirm=true`.
    """
    max_h = sum(spec.budget_s for spec in due) / 3600
    forecast_h = min(read_status(plan, ledger).forecast_s / 3600, max_h)
    trials = plan.studies * plan.ruleset.trials * len(plan.workloads) * len(plan.submissions)
    words = f"campaign {ledger}: {trials} trials, {len(due)} to run: {forecast_h:.2g} hours by earlier records, {max_h:.2g} by the budget"
    if forecast_h > given.unconfirmed_hours and not given.confirm:
        raise UserError(f"{words}; this is more than unconfirmed_hours={given.unconfirmed_hours:g}: add confirm=true")
    return words
