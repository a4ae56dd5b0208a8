"""Questions to Slurm and orders for it, through its own commands. Imports no torch."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UserError

ANSWER_S = 120.0
CHUNK = 500
"""So many job ids go into one command."""


@dataclass(frozen=True)
class Largest:
    """The most that one node of a partition has; memory in MiB."""

    gpus: int
    cpus: int
    memory_mb: int


@dataclass(frozen=True)
class Limits:
    """Of the cluster: tasks of one array, and jobs altogether, each task being one."""

    array_size: int
    jobs: int


@dataclass(frozen=True)
class JobStatus:
    """What Slurm says of one job: its state, why it waits or its exit code, its node, and for how long it has run, as [days-][h:]m:s."""

    state: str
    reason: str
    node: str
    elapsed: str


def must_be_there() -> None:
    """Raises UserError where there is no Slurm."""
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise UserError("launcher=slurm: no sbatch on PATH: start it on a login node of a Slurm cluster, or take launcher=local")


def partitions() -> dict[str, Largest]:
    """Returns the partitions and what their largest nodes have; the default one has the name "" too."""
    found: dict[str, Largest] = {}
    for line in _ask("sinfo", "-h", "-o", "%P|%G|%c|%m").splitlines():
        name, gres, cpus, memory = line.split("|")
        here = Largest(gpus_of(gres), int(cpus.rstrip("+")), int(memory.rstrip("+")))
        for key in {name.rstrip("*"), "" if name.endswith("*") else name}:
            old = found.get(key, Largest(0, 0, 0))
            found[key] = Largest(max(here.gpus, old.gpus), max(here.cpus, old.cpus), max(here.memory_mb, old.memory_mb))
    return found


def gpus_of(gres: str) -> int:
    """Returns the number of GPUs in what sinfo calls generic resources: `gpu:a100:4(S:0-1),nvme:2`."""
    return sum(int(number) for number in re.findall(r"gpu(?::[^:,()]+)?:(\d+)", gres))


def limits() -> Limits:
    """Returns the cluster's limits."""
    values = dict(re.findall(r"^(\w+)\s*=\s*(\d+)\s*$", _ask("scontrol", "show", "config"), re.M))
    return Limits(int(values.get("MaxArraySize", 1001)), int(values.get("MaxJobCount", 10_000)))


def jobs_in_the_queue() -> int:
    """Returns how many jobs of all users there are, each task of an array being one."""
    return len(_ask("squeue", "-h", "-r", "-o", "%i").splitlines())


def queue(*more: str) -> dict[str, JobStatus]:
    """Returns this user's jobs that wait or run, by `<job>_<index>` (`<job>` where it is no array); `more` goes to squeue."""
    found = {}
    for line in _ask("squeue", "-h", "-r", "--me", *more, "-o", "%F|%K|%T|%M|%N|%r").splitlines():
        job, index, state, elapsed, node, reason = line.split("|", 5)
        found[job if index == "N/A" else f"{job}_{index}"] = JobStatus(state, reason, node, elapsed)
    return found


def arrays_by_comment() -> dict[str, str]:
    """Returns the ids of this user's jobs by what their comment is; an array is one."""
    lines = (line.split("|", 1) for line in _ask("squeue", "-h", "--me", "-o", "%F|%k").splitlines())
    return {comment: job for job, comment in lines}


def ended(job_ids: Sequence[str]) -> dict[str, JobStatus]:
    """Returns how the jobs of these arrays ended, by `<job>_<index>`: from the controller, which knows those of the last minutes, and from
    the accounts, which may lag behind or not be kept.
    """
    found = queue("-t", "all")
    for first in range(0, len(job_ids), CHUNK):
        words = ("sacct", "-X", "-n", "-P", "-j", ",".join(job_ids[first : first + CHUNK]), "-o", "JobID,State,ExitCode,NodeList,Elapsed")
        try:
            answer = _ask(*words)
        except UserError:
            return found
        for line in answer.splitlines():
            job, state, code, node, elapsed = line.split("|", 4)
            found[job] = JobStatus(state.split()[0], code, node, elapsed)
    return found


def job_status(job_id: str) -> JobStatus | None:
    """Returns what Slurm says of one job, also of one that has ended; None when it has forgotten it."""
    try:
        return next(iter(queue("-t", "all", "-j", job_id).values()), None)
    except UserError as error:
        if "Invalid job id" in str(error):
            return None
        raise


def requeue(job_id: str) -> None:
    """Has a job that runs, or that Slurm is about to end, started again later; raises UserError when Slurm does not want to."""
    _ask("scontrol", "requeue", job_id)


def cancel(jobs: Sequence[str]) -> None:
    """Ends jobs, or takes them out of the queue."""
    for first in range(0, len(jobs), CHUNK):
        _ask("scancel", *jobs[first : first + CHUNK])


def _ask(*words: str) -> str:
    try:
        outcome = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except FileNotFoundError:
        raise UserError(f"no {words[0]} on PATH: this needs a Slurm cluster") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"{words[0]} did not answer within {ANSWER_S:g} s: is the cluster's controller up?") from None
    if outcome.returncode:
        raise UserError(f"{words[0]}: {' '.join(outcome.stderr.split()) or f'exit code {outcome.returncode}'}")
    return outcome.stdout
