"""finishline status: where a campaign stands. Imports no torch."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from harness.campaign.status import Status, summary, trial_states
from harness.commands.options import StatusOptions
from harness.errors import UserError
from harness.launch.job_states import Job, jobs, preflight_jobs
from harness.launch.job_states import in_words as jobs_in_words
from harness.ledger.plan import read_plan
from harness.project.project import Project


def main(given: StatusOptions, project: Project) -> int:
    """Prints one line per cell and the totals, with what Slurm knows of its jobs, or all of it as JSON with `--json`."""
    ledger = given.ledger
    plan = read_plan(ledger)
    if plan is None:
        raise UserError(f"status: no campaign.yaml in {ledger}: it is where `finishline launch` was given out=")
    states = trial_states(plan, ledger)
    status, found, asked, trouble = summary(plan, states), [], [], None
    try:
        found, asked = jobs(ledger, states), preflight_jobs(ledger)
    except UserError as error:
        trouble = f"its jobs are not shown: {error}"
    if given.json:
        print(json.dumps({**asdict(status), "jobs": [asdict(job) for job in found], "first_jobs": asked}))
    else:
        print("\n".join([*asked, in_words(status, found)]))
    if trouble is not None:
        print(f"finishline: {trouble}", file=sys.stderr)
    return 0


def in_words(status: Status, found: Sequence[Job] = ()) -> str:
    """Returns the lines that a person reads."""
    lines = []
    by_cell: dict[tuple[str, str], list[Job]] = {}
    for job in found:
        by_cell.setdefault(job.key[:2], []).append(job)
    for cell in status.cells:
        counts = ", ".join(f"{number} {state}" for state, number in cell.counts)
        lines += [f"{cell.submission:24} {cell.workload:16} {counts}", *(f"    {failure}" for failure in cell.failures)]
        lines += [f"    {line}" for line in jobs_in_words(by_cell.get((cell.submission, cell.workload), ()), cell.expected_s)]
    total = ", ".join(f"{number} {state}" for state, number in status.counts)
    lines.append(f"{total}; {status.spent_s / 3600:.2f} hours spent, {status.forecast_s / 3600:.2f} to come (one trial after the other)")
    return "\n".join(lines)
