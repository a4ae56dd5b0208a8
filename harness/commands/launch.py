"""finishline launch: all trials of a campaign that have not been run yet."""

from collections.abc import Sequence
from pathlib import Path

from harness.base.output import new_console
from harness.campaign.extend import CampaignRequest, ledger_and_plan, publish
from harness.campaign.pending import is_pending, withdraw
from harness.campaign.plan import specs
from harness.campaign.status import read_status
from harness.commands.options import LaunchOptions
from harness.errors import UserError, resumable
from harness.launch.launcher import Work
from harness.ledger.plan import Plan
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.salt import commitment, keep_salt, read_salt
from harness.trial.import_check import check_importable


def main(given: LaunchOptions, project: Project) -> int:
    """Plans, says what it will cost, writes campaign.yaml, runs what is due and prints what it took."""
    wanted = request(given)
    ledger, plan = ledger_and_plan(project, wanted)

    from harness.data import cache_root  # imports torch: what is wrong with the options has been told by now
    from harness.racing.racer import requeue_stopped

    for submission in plan.submissions:
        check_importable(Path(submission.path), given.sandbox)
    console = new_console()
    due = due_trials(project, plan, ledger, given.retries)
    words = cost(plan, due, ledger, given)
    given.launcher.must_fit(due)
    if given.dry_run:
        console.print(words, soft_wrap=True)
        if preview := given.launcher.preview(due, ledger):
            console.print(preview, soft_wrap=True)
        return 0
    if given.salt:
        keep_salt(read_salt(given.salt), cache_root())
    ledger, plan = publish(project, wanted)
    for name in given.withdraw:
        withdraw(ledger, name)
    requeue_stopped(plan, ledger)
    due = due_trials(project, plan, ledger, given.retries)
    console.print(cost(plan, due, ledger, given), soft_wrap=True)
    total = len(list(specs(plan, project)))
    work = Work(due=due, total=total, ledger=ledger, retries=given.retries, log=given.log, console=console)
    with resumable(given.out):
        said = given.launcher.launch(work)
    if said:
        console.print(said, soft_wrap=True)
    if given.key is not None:
        from harness.commands.sign import sign_ledger

        console.print(sign_ledger(ledger, project, given.key), soft_wrap=True)
    return 0


def request(given: LaunchOptions) -> CampaignRequest:
    """Returns what is asked of the campaign."""
    return CampaignRequest(
        out=given.out.absolute(),
        submissions=given.submissions,
        workloads=given.workloads,
        withdraw=given.withdraw,
        studies=given.studies,
        fork=given.fork,
        runs_here=given.launcher.runs_here,
        settings={
            "seed": given.seed,
            "ruleset": given.ruleset,
            "evaluation_period": given.evaluation_period,
            "sandbox": given.sandbox,
            "racing": given.racing,
            "hardware": given.hardware,
            "ranks": given.ranks,
            "salt": commitment(read_salt(given.salt)) if given.salt else None,
            "checkpoint_period_s": given.checkpoint_period_s,
        },
        named=given.named,
    )


def due_trials(project: Project, plan: Plan, ledger: Path, retries: int) -> list[TrialSpec]:
    """Returns the trials that are to be run, in the order of the plan."""
    from harness.racing.racer import unjustified_stops

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
