"""finishline run: one trial."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.callbacks.callback_list import with_callbacks
from harness.callbacks.display import Display
from harness.campaign.plan import single_point, single_trial, with_ranks
from harness.data import cache_root
from harness.project.config import RunOptions, options
from harness.project.project import Project
from harness.salt import keep_salt, read_salt
from harness.trial.import_check import check_importable
from harness.trial.referee import run_trial


def main(arguments: Sequence[str], root: Path) -> int:
    """Runs a trial, prints the verdict and the trial's folder; returns 0 when the target was reached, else 3."""
    project, given = Project(root), options(Project(root).configs, "run", RunOptions, arguments)
    workload = with_ranks(project.workload(given.workload), given.ranks)
    submission = single_point(project, given.submission, given.hp, given.ruleset)
    salt = keep_salt(read_salt(Path(given.salt)), cache_root()) if given.salt else None
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
    ledger = Path(given.out or f"results/runs/{time}-{submission.name}-{workload.id.replace('/', '-')}").absolute()
    folder = spec.folder(ledger)
    with with_callbacks(Display(console), given.log, ledger, console) as callback:
        record = run_trial(spec, folder, cache_root(), callback)
    console.print(f"trial: {folder}", soft_wrap=True)
    return 0 if record.verdict == "reached" else 3
