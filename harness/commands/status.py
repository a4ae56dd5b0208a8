"""finishline status: where a campaign stands. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.campaign.plan import read_plan
from harness.campaign.status import Status, read_status
from harness.errors import UserError


def main(arguments: Sequence[str], root: Path) -> int:
    """Prints one line per cell and the totals, or all of it as JSON with `--json`."""
    paths = [word for word in arguments if word != "--json"]
    if len(paths) != 1 or "=" in paths[0] or paths[0].startswith("-"):
        raise UserError("status: give the folder of one campaign, and --json if a program reads it")
    ledger = Path(paths[0])
    plan = read_plan(ledger)
    if plan is None:
        raise UserError(f"status: no campaign.yaml in {ledger}: it is where `finishline launch` was given out=")
    status = read_status(plan, ledger)
    print(json.dumps(asdict(status)) if "--json" in arguments else in_words(status))
    return 0


def in_words(status: Status) -> str:
    """Returns the lines that a person reads."""
    lines = []
    for cell in status.cells:
        counts = ", ".join(f"{number} {state}" for state, number in cell.counts)
        lines += [f"{cell.submission:24} {cell.workload:16} {counts}", *(f"    {failure}" for failure in cell.failures)]
    total = ", ".join(f"{number} {state}" for state, number in status.counts)
    lines.append(f"{total}; {status.spent_s / 3600:.2f} hours spent, {status.forecast_s / 3600:.2f} to come (one trial after the other)")
    return "\n".join(lines)
