"""finishline run: one trial."""

from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.campaign.plan import single_point, single_trial, with_ranks
from harness.commands.options import RunOptions
from harness.project.project import Project
from harness.salt import keep_salt, read_salt
from harness.trial.import_check import check_importable


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
    console = Console(highlight=False)
    time = datetime.now().strftime("%Y%m%d-%H%M%S")
    ledger = (given.out or Path(f"results/runs/{time}-{submission.name}-{workload.id.replace('/', '-')}")).absolute()
    folder = spec.folder(ledger)
    with with_callbacks(Display(console), given.log, ledger, console) as callback:
        record = run_trial(spec, folder, cache_root(), callback)
    console.print(f"trial: {folder}", soft_wrap=True)
    return 0 if record.verdict == "reached" else 3
