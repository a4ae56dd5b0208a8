"""What a job process does: under Slurm it runs one trial of a batch, as a local worker every trial that no other worker has.

A trial that is told to stop keeps its last checkpoint; under Slurm its job is requeued and goes on from there.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.base.output import new_console
from harness.callbacks.callback_list import CallbackList, with_callbacks
from harness.callbacks.display import Display
from harness.callbacks.panel import Relayed
from harness.campaign.pending import is_pending
from harness.data import cache_root
from harness.errors import UserError
from harness.launch import cluster
from harness.launch.local import run_due
from harness.launch.preemption import PreemptionHandler
from harness.launch.preflight import must_have
from harness.ledger.jobs import Batch, Event, log_event, node, read_events
from harness.ledger.lock import HEARTBEAT_S, STALE_S, lock_of
from harness.ledger.paths import TrialPaths
from harness.ledger.rows import read_rows
from harness.ledger.spec import TrialSpec
from harness.trial.coordinator import NodeCoordinator, run_remote_ranks
from harness.trial.processes import die_with_parent

GRACE_S = 10.0
"""Seconds that a preempted trial may take to write a checkpoint; Slurm does not tell how much time is left."""
GRACE_AT_LIMIT = 0.5
"""The same at the time limit, as a fraction of the time that is left."""
AT_THE_LIMIT = "near the time limit"
SLURM_EARLY_S = 60.0
"""Slurm may give notice of a time limit so much earlier than it was asked to (sbatch(1), --signal)."""


def work(batch: Batch) -> int:
    """Is a local worker; exit code 130 when it was told to stop. Dies with the process that started it."""
    die_with_parent()
    try:
        with PreemptionHandler(lambda: GRACE_S) as notice:
            _run(batch.trials, batch, notice, display=Relayed(new_console()))
    except KeyboardInterrupt:
        return 130
    return 0


def help_with(batch: Batch, index: int, node: int) -> int:
    """Runs the ranks of a further node of a Slurm job; told to stop by nobody but the first node, and by Slurm itself."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    spec = batch.trials[index]
    must_have(batch.versions)
    run_remote_ranks(spec, spec.folder(batch.ledger), node, _job(), cache_root())
    return 0


def run_task(batch: Batch, index: int, started: float) -> int:
    """Runs one trial as a Slurm job that began at `started` (monotonic seconds), on the first of its nodes.

    It leaves when another job runs the trial. A job that was started again waits instead: who runs the trial may be itself, on a node that
    Slurm believes to be down and whose jobs it will end.
    """
    spec = batch.trials[index]
    folder, limit_s = spec.folder(batch.ledger), 60.0 * batch.time_min
    restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    nodes = NodeCoordinator(int(os.environ.get("SLURM_JOB_NUM_NODES", "1")), _job())

    def left_s() -> float:
        return max(started + limit_s - time.monotonic(), 0.0)

    def at_the_limit() -> bool:
        return left_s() < batch.notice_s + SLURM_EARLY_S

    try:
        with PreemptionHandler(lambda: GRACE_AT_LIMIT * left_s() if at_the_limit() else GRACE_S) as notice:
            must_have(batch.versions)
            _tell_started(batch, index, restarts)
            while is_pending(folder, batch.retries):
                _run([spec], batch, notice, nodes)
                if is_pending(folder, batch.retries) and somebody_runs(folder) and not restarts:
                    print(f"finishline: {folder} is run by another job, which is left to it", flush=True)
                    break
    except KeyboardInterrupt:
        return _stopped(batch, index, AT_THE_LIMIT if at_the_limit() else "told to stop")
    finally:
        nodes.shut_down(folder)
    log_event(batch.folder, index, "ended")
    return 0


def somebody_runs(folder: Path, look_every_s: float = 1.0, heartbeat_s: float = HEARTBEAT_S, stale_s: float = STALE_S) -> bool:
    """Whether the holder of a trial's lock shows that it lives, within the time after which it counts as dead.

    A holder on a node that went down leaves a lock behind that looks alive for a while; the trial must not be left to it.
    """
    first, deadline = _heartbeat_of(folder), time.monotonic() + stale_s + heartbeat_s
    while time.monotonic() < deadline:
        time.sleep(look_every_s)
        now = _heartbeat_of(folder)
        if now is None:
            return False
        if now != first:
            return True
    return False


def _heartbeat_of(folder: Path) -> tuple[bytes, int] | None:
    """Returns what changes with every heartbeat of the holder; opening the file is what makes NFS look again."""
    try:
        with lock_of(folder).open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _job() -> str:
    """Returns what tells this run of a job from its earlier ones."""
    return f"{os.environ.get('SLURM_JOB_ID', '0')}-{os.environ.get('SLURM_RESTART_COUNT', '0')}"


def _run(
    trials: Sequence[TrialSpec],
    batch: Batch,
    notice: PreemptionHandler,
    nodes: NodeCoordinator | None = None,
    display: Display | None = None,
) -> None:
    console = new_console()
    with with_callbacks(display or Display(console), batch.log, batch.ledger, console) as callback:
        run_due(trials, batch.ledger, cache_root(), CallbackList([callback, notice]), batch.retries, nodes)


def _tell_started(batch: Batch, index: int, restarts: int) -> None:
    """Raises UserError when this node cannot write the ledger."""
    try:
        log_event(batch.folder, index, "started", restarts=restarts)
    except OSError as error:
        raise UserError(f"{node()} cannot write {batch.folder} ({error.strerror}): choose an out= that all nodes can write") from None


def _stopped(batch: Batch, index: int, why: str) -> int:
    """Has a job that was told to stop queued again, unless Slurm itself does so, or somebody cancelled it, or it was too often.

    One that Slurm ends at its time limit, since the notice came late or the node was slow, is queued again from its last moments.
    """
    evaluations = len(read_rows(TrialPaths(batch.trials[index].folder(batch.ledger)).rows))
    log_event(batch.folder, index, "stopped", why=why, evaluations=evaluations)
    job_id = os.environ["SLURM_JOB_ID"]
    job = cluster.job_status(job_id)
    if job is None or (job.state != "RUNNING" and job.reason != "TimeLimit"):
        return 1
    if words := too_often(batch, [line for line in read_events(batch.folder, index) if line.event == "stopped"]):
        print(f"finishline: the trial {words}", file=sys.stderr)
        log_event(batch.folder, index, "given up", words=words)
        return 1
    print(f"finishline: {why}; the job is queued again and will go on from the last checkpoint", flush=True)
    log_event(batch.folder, index, "queued again", why=why)
    cluster.requeue(job_id)
    return 1


def too_often(batch: Batch, stops: Sequence[Event]) -> str | None:
    """Returns in words why a trial that was stopped again is not queued again, or None.

    It met its time limit more than `timeouts` times, or was stopped more often than that without having come to another evaluation.
    """
    timeouts = sum(stop.why == AT_THE_LIMIT for stop in stops)
    if timeouts > batch.timeouts:
        words = f"met its time limit of {batch.time_min} min {timeouts} times and is not queued again (launcher.timeouts={batch.timeouts})"
        return f"{words}: launch again, with a longer launcher.time_min"
    last = [stop.evaluations for stop in stops[-batch.timeouts - 2 :]]
    if len(last) == batch.timeouts + 2 and len(set(last)) == 1:
        words = f"was stopped {len(last)} times running without coming to another evaluation and is not queued again"
        return f"{words}: launch again when its jobs are left more time"
    return None
