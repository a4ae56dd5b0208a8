"""finishline cancel: takes a campaign's jobs out of Slurm's queue. Imports no torch."""

from harness.campaign.status import trial_states
from harness.commands.options import CancelOptions
from harness.errors import UserError, suggest
from harness.launch import cluster
from harness.launch.job_states import jobs
from harness.ledger.jobs import read_submitted
from harness.ledger.plan import Plan, read_plan
from harness.project.project import Project


def main(given: CancelOptions, project: Project) -> int:
    """Cancels jobs that wait or run, of one submission or workload if so asked; what they have done stays."""
    ledger, asked = given.ledger, {"submission": given.submission, "workload": given.workload}
    chosen = {option: value for option, value in asked.items() if value is not None}
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


def _names(plan: Plan) -> dict[str, list[str]]:
    return {"submission": [s.name for s in plan.submissions], "workload": [w.id for w in plan.workloads]}
