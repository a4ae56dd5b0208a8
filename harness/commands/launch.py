"""finishline launch: all trials of a campaign that have not been run yet."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.campaign.plan import Plan, plan_submission, read_plan, write_plan
from harness.config import LaunchOptions, options
from harness.data import cache_root
from harness.display import Display
from harness.errors import UserError
from harness.launch.local import run_missing
from harness.project import Project
from harness.trial.import_check import check_importable


def main(arguments: Sequence[str], root: Path) -> int:
    """Plans, writes campaign.yaml, runs what is missing and prints what it took."""
    project, given = Project(root), options(Project(root).configs, "launch", LaunchOptions, arguments)
    for name, chosen in (("submissions", given.submissions), ("workloads", given.workloads)):
        if not chosen or len(set(chosen)) < len(chosen):
            raise UserError(f"launch: {name} must be a list of different names, not {chosen}")
    ledger = Path(given.out).absolute()
    plan = extended_plan(project, given, read_plan(ledger), ledger)
    for submission in plan.submissions:
        check_importable(Path(submission.path), given.sandbox)
    write_plan(ledger, plan)
    trials = list(plan.trials(project))
    missing = [spec for spec in trials if not (spec.folder(ledger) / "record.json").exists()]
    console = Console(highlight=False)
    console.print(f"campaign {ledger}: {len(trials)} trials, {len(missing)} to run", soft_wrap=True)
    display = Display(console, len(trials), len(trials) - len(missing))
    try:
        totals = run_missing(missing, ledger, cache_root(), display)
    finally:
        display.close()
    if totals.trials:
        share = 1 - totals.time_s / totals.wall_s
        times = f"{totals.wall_s:.0f} s: {totals.time_s:.0f} s on the clock, {share:.0%} off it"
        console.print(f"{totals.trials} trials in {times}", soft_wrap=True)
    return 0


def extended_plan(project: Project, given: LaunchOptions, earlier: Plan | None, ledger: Path) -> Plan:
    """Returns the plan that is asked for, together with all that the ledger has already.

    Raises:
        UserError: unknown names, or something that the ledger has was changed since.
    """
    studies, workloads, submissions = given.studies or given.ruleset.studies, list(given.workloads), list(given.submissions)
    if earlier is not None:
        studies = max(studies, earlier.studies)
        workloads = [w.id for w in earlier.workloads] + [w for w in workloads if w not in {e.id for e in earlier.workloads}]
        names = {s.name for s in earlier.submissions}
        submissions = [s.path for s in earlier.submissions] + [s for s in submissions if project.submission_folder(s).name not in names]
    plan = Plan(
        seed=given.seed,
        ruleset=given.ruleset,
        evaluation_period=given.evaluation_period,
        sandbox=given.sandbox,
        studies=studies,
        workloads=tuple(map(project.workload, workloads)),
        submissions=tuple(plan_submission(project, name, given.ruleset, studies, given.seed) for name in submissions),
    )
    if earlier is not None:
        plan.must_extend(earlier, ledger)
    return plan
