"""What Slurm knows of a campaign's trials: the ledger's jobs joined with squeue and sacct. Imports no torch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from harness.campaign.status import OPEN, TrialState
from harness.launch import cluster
from harness.launch.cluster import JobStatus
from harness.ledger.jobs import Preflight, Submitted, read_events, read_preflights, read_submitted
from harness.ledger.paths import JOBS, TrialKey

LOG_LINES = 3
LOG_BYTES = 4096
FAILURES = 5
"""So many failed jobs of a cell are told in full."""
WAITS = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT")
RUNS = ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STAGE_OUT", "STOPPED", "SIGNALING", "RESIZING")


@dataclass(frozen=True, kw_only=True)
class Job:
    """The latest job of a trial that has no result: its id as `<job>_<index>`, what Slurm says, and how it is to be told."""

    key: TrialKey
    job: str
    state: str
    reason: str
    node: str
    elapsed: str
    restarts: int
    words: str
    log: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether it is in the queue."""
        return self.state in WAITS

    @property
    def runs(self) -> bool:
        """Whether it is on a node."""
        return self.state in RUNS

    def __str__(self) -> str:
        who = f"study {self.key.study}, trial {self.key.trial}"
        again = f", started again {self.restarts} times" if self.restarts else ""
        if self.runs:
            return f"{who}: on {self.node} for {self.elapsed}{again}"
        return f"{who}: {self.words or self.state} (job {self.job}{f' on {self.node}' if self.node else ''}{again})"


def jobs(ledger: Path, trials: Iterable[TrialState]) -> list[Job]:
    """Returns the latest jobs of those trials that have no result; none where nothing was submitted.

    Raises:
        UserError: there are such jobs, and no Slurm here to ask.
    """
    latest = {place: (batch, index) for batch in read_submitted(ledger) for index, place in enumerate(batch.places)}
    open_trials = [(t, *latest[t.key.place]) for t in trials if t.state in OPEN and t.key.place in latest]
    if not open_trials:
        return []
    live = cluster.queue()
    gone = sorted({batch.job_id for _, batch, index in open_trials if f"{batch.job_id}_{index}" not in live})
    ended = cluster.ended(gone) if gone else {}
    return [_job(trial, batch, index, live, ended) for trial, batch, index in open_trials]


def preflight_jobs(ledger: Path) -> list[str]:
    """Returns the lines about the preflight jobs that have not passed: the trials wait for them, or were not started."""
    return [line for job in read_preflights(ledger) if not job.passed for line in _preflight_in_words(job)]


def _preflight_in_words(job: Preflight) -> list[str]:
    now = cluster.job_status(job.job_id)
    if now is not None and now.state in (*WAITS, *RUNS):
        return [f"the trials wait for a preflight job: {now.state} (job {job.job_id})"]
    seen = cluster.ended([job.job_id]).get(job.job_id, JobStatus("gone", "", "", ""))
    log = last_lines(job.folder / f"{job.job_id}_0_log.out")
    how = _how_it_ended(seen, bool(log), job.folder)
    place = f" on {seen.node}" if seen.node else ""
    return [f"no trial was started, since the preflight job found something amiss: {how} (job {job.job_id}{place})", *_logged(log)]


def _logged(log: Iterable[str]) -> list[str]:
    return [f"    | {line}" for line in log]


def _job(trial: TrialState, batch: Submitted, index: int, live: dict[str, JobStatus], ended: dict[str, JobStatus]) -> Job:
    name = f"{batch.job_id}_{index}"
    seen = live.get(name) or ended.get(name) or JobStatus("gone", "Slurm has forgotten it", "", "")
    log: tuple[str, ...] = ()
    words, restarts = "", 0
    if seen.state != "PENDING":
        lines = read_events(batch.batch, index)
        restarts = max((line.restarts for line in lines), default=0)
        words = next((line.words for line in lines[-1:] if line.event == "given up"), "")
    if name not in live:
        log = last_lines(batch.batch / f"{name}_0_log.out")
        words = words or _how_it_ended(seen, bool(log), batch.batch)
    return Job(
        key=trial.key,
        job=name,
        state=seen.state,
        reason=seen.reason,
        node="" if seen.node in ("", "None assigned") else seen.node,
        elapsed=seen.elapsed,
        restarts=restarts,
        words=words,
        log=log,
    )


def _how_it_ended(seen: JobStatus, has_log: bool, batch: Path) -> str:
    code, _, number = seen.reason.partition(":")
    words = seen.state if seen.state != "gone" else "not known to Slurm any more"
    if seen.state == "FAILED" and number:
        words = f"FAILED with signal {number}" if number != "0" else f"FAILED with exit code {code}"
    if seen.state == "COMPLETED":
        words = "COMPLETED without a result: another job had the trial, or it was due no more"
    if not has_log and seen.state in ("FAILED", "NODE_FAIL", "BOOT_FAIL"):
        words += f" and no log: can this node write {batch}?"
    return words


def last_lines(path: Path) -> tuple[str, ...]:
    """Returns the end of a log, without what Slurm's own programs added."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LOG_BYTES, 0))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ()
    return tuple([line.strip() for line in lines if line.strip() and not line.startswith(("srun: ", "slurmstepd"))][-LOG_LINES:])


def in_words(cell: Sequence[Job], expected_s: float) -> list[str]:
    """Returns the lines about the jobs of one cell, of which each may take `expected_s`.

    They say how many wait for what, what runs where and for how long, how the others ended.
    """
    reasons = Counter(job.reason for job in cell if job.waits)
    lines = [f"{number} in the queue ({reason})" for reason, number in reasons.most_common()]
    lines += [f"{job}, of about {timedelta(seconds=round(expected_s))}" for job in cell if job.runs]
    failed = [job for job in cell if not job.waits and not job.runs]
    for job in failed[:FAILURES]:
        lines += [str(job), *_logged(job.log)]
    if len(failed) > FAILURES:
        lines.append(f"and {len(failed) - FAILURES} more; their logs are in {JOBS}/")
    return lines
