"""The local launcher: job processes on this machine, with the same code as under Slurm."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from harness.callbacks.panel import Panel
from harness.errors import UserError
from harness.launch.local import Totals
from harness.ledger.jobs import Batch, new_folder, write_batch
from harness.ledger.record import read_record
from harness.ledger.spec import TrialSpec
from harness.trial.sandbox import PROJECT


def run_in_workers(due: Sequence[TrialSpec], ledger: Path, workers: int, retries: int, log: str, panel: Panel) -> Totals:
    """Runs every trial that is due in `workers` processes, each in a process group of its own; `panel` shows what they say.

    On Ctrl-C they are told to stop, which they do at once; all checkpoints stay. They die with this process.

    Raises:
        UserError: a worker ended with an error; it has said which.
    """
    if not due:
        return Totals(0, 0.0, 0.0)
    batch = Batch(folder=new_folder(ledger), trials=tuple(due), retries=retries, log=log)
    processes: list[subprocess.Popen[str]] = []
    try:
        write_batch(batch)
        command = [sys.executable, "-m", "harness.launch.job", str(batch.folder), "worker"]
        with panel:
            try:
                for number in range(min(workers, len(due))):
                    processes.append(_start(command))
                    panel.watch(number, processes[-1])
                codes = [process.wait() for process in processes]
            except BaseException:
                for process in processes:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                for process in processes:
                    process.wait()
                raise
    finally:
        shutil.rmtree(batch.folder, ignore_errors=True)
        with suppress(OSError):
            batch.folder.parent.rmdir()
    if any(codes):
        raise UserError(f"{sum(map(bool, codes))} of {len(codes)} workers ended with an error (exit codes {codes}); it is told above")
    records = [record for record in (read_record(spec.folder(ledger)) for spec in due) if record is not None]
    return Totals(len(records), sum(r.time_s for r in records), sum(r.wall_s for r in records))


def _start(command: Sequence[str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, errors="replace", process_group=0)
