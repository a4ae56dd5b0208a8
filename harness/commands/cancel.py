"""finishline cancel: takes a campaign's jobs out of Slurm's queue. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from harness.campaign.status import trial_states
from harness.errors import UserError, suggest
from harness.launch import cluster
from harness.launch.job_states import jobs
from harness.ledger.jobs import read_submitted
from harness.ledger.plan import Plan, read_plan


def main(arguments: Sequence[str], root: Path) -> int:
    """Cancels jobs that wait or run, of one submission or workload if so asked; what they have done stays."""
    ledger, chosen = _read(arguments)
    plan = read_plan(ledger)
    if plan is None or not read_submitted(ledger):
        raise UserError(f"cancel: no jobs in {ledger}: it is where `finishline launch launcher=slurm` was given out=")
    for option, value in chosen.items():
        names = _names(plan)[option]
        if value not in names:
            raise UserError(f"cancel: no {option} '{value}' in {ledger}{suggest(value, names)}")
    live = [
        job
        for job in jobs(ledger, trial_states(plan, ledger))
        if (job.waits or job.runs) and all(getattr(job.key, option) == value for option, value in chosen.items())
    ]
    cluster.cancel([job.job for job in live])
    print(f"{len(live)} jobs cancelled; `finishline launch` submits what is missing")
    return 0


def _read(arguments: Sequence[str]) -> tuple[Path, dict[str, str]]:
    folders = [word for word in arguments if "=" not in word]
    chosen = dict(word.split("=", 1) for word in arguments if "=" in word)
    for option in chosen:
        if option not in ("submission", "workload"):
            raise UserError(f"cancel: no option '{option}'{suggest(option, ('submission', 'workload'))}")
    if len(folders) != 1 or folders[0].startswith("-"):
        raise UserError("cancel: give the folder of one campaign, and submission= or workload= for a part of it")
    return Path(folders[0]), chosen


def _names(plan: Plan) -> dict[str, list[str]]:
    return {"submission": [s.name for s in plan.submissions], "workload": [w.id for w in plan.workloads]}
