"""The entry of a job.

python -m harness.launch.job <ledger>/jobs/<batch>            the trial that $SLURM_ARRAY_TASK_ID says, or on further nodes its ranks there
python -m harness.launch.job <ledger>/jobs/<batch> worker     all that nobody else runs, one after the other
python -m harness.launch.job <ledger>/jobs/<first> first      no trial: looks whether this node has what trials need
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.launch import preflight
from harness.ledger.jobs import read_batch


def main(arguments: Sequence[str]) -> int:
    """Runs what the command line says and returns the exit code."""
    started = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})  # a notice that comes during the import below is kept for later
    folder, *role = arguments
    try:
        if role == ["first"]:
            preflight.run(Path(folder))
            return 0
        from harness.launch.task import help_with, run_task, work

        batch = read_batch(Path(folder))
        if role == ["worker"]:
            return work(batch)
        index, node = int(os.environ["SLURM_ARRAY_TASK_ID"]), int(os.environ.get("SLURM_PROCID", "0"))
        return help_with(batch, index, node) if node else run_task(batch, index, started)
    except UserError as error:
        print(f"finishline: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
