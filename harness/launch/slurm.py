"""The Slurm launcher: job arrays through submitit; returns as soon as Slurm has them.

submitit writes the sbatch file and hands it in. What a job runs it reads from `trials.json` in the ledger (harness.ledger.jobs): nothing
is pickled.
"""

import io
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from harness.errors import UserError, suggest
from harness.launch import cluster, preflight
from harness.launch.launchers.slurm import Resources, Slurm
from harness.ledger.jobs import (
    Batch,
    new_folder,
    read_batch,
    read_preflight,
    read_submitted,
    unsubmitted,
    write_batch,
    write_preflight_id,
    write_submitted,
    write_wanted,
)
from harness.ledger.lock import TrialLock
from harness.ledger.paths import JOBS
from harness.ledger.spec import TrialSpec
from harness.trial.sandbox import PROJECT

TABLE_SHARE = 0.95
"""How full a launch may make the cluster's table of jobs, which all users share."""


@dataclass(frozen=True)
class Array:
    """Trials of one shape that are handed in together."""

    resources: Resources
    trials: tuple[TrialSpec, ...]


class LedgerExecutor(SlurmExecutor):
    """submitit's executor for an array of `count` jobs, or one preflight job, that find their input in the ledger."""

    def __init__(self, folder: Path, resources: Resources, launcher: Slurm, count: int | None) -> None:
        super().__init__(folder, python=resources.python)
        self.update_parameters(**_fields(folder, resources, launcher))
        self.parameters["map_count"] = count

    # submitit has no public way to see an sbatch file or to submit a command of one's own. Its private interface is used in these two
    # methods and the property below, and nowhere else; constraints.txt pins the version.

    def text(self) -> str:
        """Returns the sbatch file."""
        text: str = self._make_submission_file_text(self._submitit_command_str, "")
        return text

    def hand_in(self, first: str | None = None, after: str | None = None) -> str:
        """Submits it, to begin when the job `first` has succeeded and the job `after` has ended, and returns its job id."""
        conditions = [f"{kind}:{job}" for kind, job in (("afterok", first), ("afterany", after)) if job is not None]
        if conditions:
            self.parameters["dependency"] = ",".join(conditions)
            self.parameters["additional_parameters"]["kill-on-invalid-dep"] = "yes"
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                job_id = str(self._submit_command(self._submitit_command_str).job_id)
        except (FailedJobError, FailedSubmissionError) as error:
            lines = [line for line in str(error).splitlines() if "sbatch" in line or "error" in line]
            raise UserError(f"Slurm does not take the jobs: {' '.join(' '.join(lines[-2:]).split())}") from None
        sys.stderr.write(said.getvalue())
        return job_id

    @property
    def _submitit_command_str(self) -> str:
        role = " first" if self.parameters["map_count"] is None else ""
        return f"{self.python} -u -m harness.launch.job {shlex.quote(str(self.folder))}{role}"


def arrays(due: Sequence[TrialSpec], launcher: Slurm, largest: int) -> list[Array]:
    """Returns the trials grouped by what they need, at most `largest` in one array, in the order that they came."""
    shapes: dict[Resources, list[TrialSpec]] = {}
    for spec in due:
        shapes.setdefault(launcher.resources_for(spec.workload.name, spec.workload.tier), []).append(spec)
    return [
        Array(resources, tuple(specs[first : first + largest]))
        for resources, specs in shapes.items()
        for first in range(0, len(specs), largest)
    ]


def must_fit(due: Sequence[TrialSpec], launcher: Slurm) -> None:
    """Raises UserError when there is no Slurm here, no such partition, or no node of it that has what a trial is to get."""
    cluster.must_be_there()
    there = cluster.partitions()
    for array in arrays(due, launcher, len(due) or 1):
        wanted, name = array.resources, array.resources.partition or ""
        if not name and "" not in there:
            raise UserError(f"the cluster has no default partition: add launcher.partition={'|'.join(sorted(there))}")
        if name not in there:
            raise UserError(f"no partition '{name}'{suggest(name, filter(None, there))}")
        has = there[name]
        memory = ("GiB of memory", wanted.memory_gb, has.memory_mb / 1024)
        for what, asked, most in (("GPUs", wanted.gpus, has.gpus), ("CPUs", wanted.cpus, has.cpus), memory):
            if asked > most:
                where = f"partition '{name}'" if name else "the default partition"
                words = f"one trial of {array.trials[0].workload.id} asks for {asked:g} {what}"
                raise UserError(f"{words}, and no node of {where} has more than {most:.4g}: see configs/launcher/slurm.yaml")
        _must_share_out(array)


def _must_share_out(array: Array) -> None:
    """Raises UserError where a trial's ranks are not as many as its GPUs, or cannot be spread evenly over its nodes."""
    wanted, workload = array.resources, array.trials[0].workload
    asked = f"one trial of {workload.id} has ranks={workload.ranks} and asks for nodes={wanted.nodes}"
    if workload.ranks % wanted.nodes:
        raise UserError(f"{asked}: the ranks must be a multiple of the nodes, see configs/launcher/slurm.yaml")
    if wanted.gpus and wanted.gpus * wanted.nodes != workload.ranks:
        raise UserError(f"{asked} with gpus={wanted.gpus} each: one GPU is for one rank, see configs/launcher/slurm.yaml")


def missing(due: Sequence[TrialSpec], ledger: Path) -> list[TrialSpec]:
    """Returns those trials that no job waits for or runs."""
    live = cluster.queue()
    taken = {
        place
        for submitted in read_submitted(ledger)
        for index, place in enumerate(submitted.places)
        if f"{submitted.job_id}_{index}" in live
    }
    return [spec for spec in due if spec.key.place not in taken]


def preview(due: Sequence[TrialSpec], ledger: Path, launcher: Slurm) -> str:
    """Returns what `submit` would do, with the sbatch files; submits and writes nothing."""
    planned = arrays(missing(due, ledger), launcher, cluster.limits().array_size)
    texts = []
    for number, array in enumerate(planned, 1):
        folder = ledger / JOBS / f"dry-run-{number}"
        text = LedgerExecutor(folder, array.resources, launcher, len(array.trials)).text()
        workloads = ", ".join(dict.fromkeys(spec.workload.id for spec in array.trials))
        texts.append(f"array {number} of {len(planned)}: {len(array.trials)} trials on {workloads}\n{text}")
    return "\n".join(texts) or "nothing to submit"


def submit(due: Sequence[TrialSpec], ledger: Path, launcher: Slurm, retries: int, log: str) -> str:
    """Submits the trials that are due and that no job has, and returns in words what it did.

    Arrays of one shape begin one after the other, so that never more than `array_parallelism` of their trials run at once, and all of
    them after a preflight job that looks whether the nodes have what they need.
    """
    (ledger / JOBS).mkdir(parents=True, exist_ok=True)
    with TrialLock(ledger / JOBS):
        _note_what_was_not(ledger)
        left = missing(due, ledger)
        limits = cluster.limits()
        room = max(int(TABLE_SHARE * limits.jobs) - cluster.jobs_in_the_queue(), 0)
        planned = arrays(left[:room], launcher, limits.array_size)
        before: dict[Resources, str] = {}
        for array in planned:
            preflight_job = _preflight_job(array.resources, ledger, launcher)
            before[array.resources] = _hand_in(array, ledger, launcher, retries, log, preflight_job, before.get(array.resources))
    words = [f"{min(len(left), room)} trials submitted in {len(planned)} arrays", f"{len(due) - len(left)} waiting or running already"]
    if len(left) > room:
        words.append(f"{len(left) - room} left for a later launch, since the cluster takes {limits.jobs} jobs at once")
    return f"{', '.join(words)}; see finishline status {ledger}"


def _note_what_was_not(ledger: Path) -> None:
    """Notes the jobs of batches that Slurm has and of which a launch that died could not say so; each array has its folder as comment."""
    silent = unsubmitted(ledger)
    live = cluster.arrays_by_comment() if silent else {}
    for folder in silent:
        if str(folder) in live:
            write_submitted(read_batch(folder), live[str(folder)])


def _preflight_job(resources: Resources, ledger: Path, launcher: Slurm) -> str | None:
    """Returns the id of the preflight job that trials with these resources wait for; None where it has been run with success."""
    folder = preflight.folder_of(ledger, resources)
    there = read_preflight(folder)
    if there is not None and there.passed:
        return None
    if there is not None and (job := cluster.job_status(there.job_id)) is not None and job.state in ("PENDING", "RUNNING", "CONFIGURING"):
        return there.job_id
    write_wanted(folder, preflight.wanted_versions(resources))
    job_id = LedgerExecutor(folder, preflight.short(resources), launcher, None).hand_in()
    write_preflight_id(folder, job_id)
    return job_id


def _hand_in(array: Array, ledger: Path, launcher: Slurm, retries: int, log: str, preflight_job: str | None, after: str | None) -> str:
    batch = Batch(
        folder=new_folder(ledger),
        trials=array.trials,
        retries=retries,
        log=log,
        versions=preflight.wanted_versions(array.resources),
        time_min=array.resources.time_min,
        notice_s=launcher.notice_s,
        timeouts=launcher.timeouts,
    )
    write_batch(batch)
    job_id = LedgerExecutor(batch.folder, array.resources, launcher, len(array.trials)).hand_in(preflight_job, after)
    write_submitted(batch, job_id)
    return job_id


def _fields(folder: Path, resources: Resources, launcher: Slurm) -> dict[str, object]:
    """Returns the parameters of submitit's sbatch file."""
    return {
        "job_name": "finishline",
        "partition": resources.partition,
        "account": resources.account,
        "qos": resources.qos,
        "constraint": resources.constraint,
        "nodes": resources.nodes,
        "ntasks_per_node": 1,
        "gpus_per_node": resources.gpus or None,
        "cpus_per_task": resources.cpus,
        "mem": f"{round(resources.memory_gb * 1024)}M",
        "time": resources.time_min,
        "exclusive": resources.exclusive or None,
        "setup": list(resources.setup) or None,
        "array_parallelism": launcher.array_parallelism,
        "signal_delay_s": launcher.notice_s,
        "stderr_to_stdout": True,
        "wckey": None,
        # since Slurm 22.05 srun does not take the first from sbatch; a referee that dies is not to leave helpers behind
        "srun_args": [f"--cpus-per-task={resources.cpus}", *(["--kill-on-bad-exit=1"] if resources.nodes > 1 else [])],
        "additional_parameters": {"requeue": True, "chdir": str(PROJECT), "comment": str(folder), **dict(resources.extra)},
    }
