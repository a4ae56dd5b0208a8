"""finishline run: one trial."""

from datetime import datetime
from pathlib import Path

from harness.base.output import new_console
from harness.campaign.plan import single_point, single_trial, with_ranks
from harness.commands.options import RunOptions
from harness.errors import resumable
from harness.ledger.paths import TrialPaths
from harness.ledger.spec import TrialSpec, read_spec
from harness.project.project import Project
from harness.salt import keep_salt, read_salt
from harness.trial.import_check import check_importable

RUNS = Path("results/runs")
"""Where a run lies that was given no `out=`."""


def main(given: RunOptions, project: Project) -> int:
    """Runs a trial, prints the verdict and the trial's folder; returns 0 when the target was reached, else 3."""
    workload = with_ranks(project.workload(given.workload), given.ranks)
    submission = single_point(project, given.submission, given.hp, given.ruleset)

    from harness.callbacks.callback_list import with_callbacks  # these import torch: what is wrong with the options has been told by now
    from harness.callbacks.display import Display
    from harness.data import cache_root
    from harness.trial.referee import run_trial

    salt = keep_salt(read_salt(given.salt), cache_root()) if given.salt else None
    spec = single_trial(
        project,
        submission,
        workload,
        given.ruleset,
        given.evaluation_period,
        given.sandbox,
        given.seed,
        salt=salt,
        checkpoint_period_s=given.checkpoint_period_s,
    )
    check_importable(Path(submission.path), given.sandbox)
    console = new_console()
    time = datetime.now().strftime("%Y%m%d-%H%M%S")
    ledger = (given.out or RUNS / f"{time}-{submission.name}-{workload.id.replace('/', '-')}").absolute()
    folder = spec.folder(ledger)
    if given.out is None and (unfinished := unfinished_run(spec)):
        console.print(f"an earlier run of this was not finished: out={unfinished} goes on with it", soft_wrap=True)
    with resumable(ledger), with_callbacks(Display(console), given.log, ledger, console) as callback:
        record = run_trial(spec, folder, cache_root(), callback)
    console.print(f"trial: {folder}", soft_wrap=True)
    return 0 if record.verdict == "reached" else 3


def unfinished_run(spec: TrialSpec) -> Path | None:
    """Returns the newest folder of a run of the same trial that was given no `out=` and has no result, None where there is none."""
    for ledger in sorted(RUNS.glob("*"), reverse=True):
        files = TrialPaths(spec.folder(ledger))
        if files.spec.exists() and not files.record.exists() and not read_spec(files.spec).differences(spec):
            return ledger
    return None
