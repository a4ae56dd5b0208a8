"""What the Slurm launcher asks for and how it reads the answers, without a Slurm: arrays, the sbatch file, sinfo, squeue, sacct."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from submitit import SlurmExecutor

from harness.campaign.status import TrialState
from harness.cli import PROJECT, main
from harness.errors import UserError
from harness.launch import cluster, preflight, task
from harness.launch.cluster import Largest, Limits
from harness.launch.job_states import in_words, jobs
from harness.launch.launchers.slurm import Resources, Slurm
from harness.launch.slurm import LedgerExecutor, arrays, missing, must_fit, preview, submit
from harness.launch.task import somebody_runs, too_often
from harness.ledger.jobs import (
    Batch,
    Event,
    Preflight,
    log_event,
    new_folder,
    read_batch,
    read_events,
    read_preflight,
    read_preflights,
    read_submitted,
    write_batch,
    write_preflight_id,
    write_submitted,
    write_wanted,
)
from harness.ledger.paths import TrialKey
from harness.ledger.spec import TrialSpec
from tests.conftest import World
from tests.test_cli import project

__all__ = ["project"]
GOLDEN = Path(__file__).parent / "golden.sbatch"


@pytest.fixture
def trials(world: World) -> list[TrialSpec]:
    spec = world.spec()
    return [replace(spec, study=study) for study in range(1, 6)]


def answers(monkeypatch: pytest.MonkeyPatch, **by_command: str | Callable[..., str]) -> list[tuple[str, ...]]:
    asked = []

    def ask(*words: str) -> str:
        asked.append(words)
        if words[0] not in by_command:
            raise UserError(f"no {words[0]} on PATH")
        answer = by_command[words[0]]
        return answer if isinstance(answer, str) else answer(*words)

    monkeypatch.setattr(cluster, "_ask", ask)
    return asked


def test_one_array_for_each_shape_and_none_too_long(trials: list[TrialSpec]) -> None:
    large = [replace(t, workload=replace(t.workload, tier="gpu")) for t in trials]
    launcher = Slurm(workloads={"gpu": {"gpus": 1}})
    mixed = [trial for pair in zip(trials, large, strict=True) for trial in pair]
    found = arrays(mixed, launcher, largest=2)
    assert [(a.resources.gpus, [t.study for t in a.trials]) for a in found] == [
        *((0, studies) for studies in ([1, 2], [3, 4], [5])),
        *((1, studies) for studies in ([1, 2], [3, 4], [5])),
    ]


def test_the_sbatch_file_is_the_golden_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    resources = Resources(
        partition="gpu",
        account="ours",
        qos="normal",
        constraint="a100",
        gpus=1,
        cpus=8,
        memory_gb=31.5,
        time_min=240,
        exclusive=True,
        setup=("module load cuda", "export FINISHLINE_CACHE=/scratch/cache"),
        python="apptainer exec image.sif python",
        extra=(("mail-type", "FAIL"), ("nice", 100)),
    )
    launcher = Slurm(**vars(resources), array_parallelism=16, notice_s=120)
    text = LedgerExecutor(Path("/ledger/jobs/one"), resources, launcher, 40).text()
    assert text.replace(str(PROJECT), "<project>") == GOLDEN.read_text()


def test_the_sbatch_file_of_a_trial_on_two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    text = LedgerExecutor(Path("/ledger/jobs/one"), Resources(nodes=2, gpus=4, python="python"), Slurm(), 3).text()
    assert text.replace(str(PROJECT), "<project>") == GOLDEN.with_name("golden_two_nodes.sbatch").read_text()


def test_the_sbatch_file_of_a_preflight_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    resources = preflight.short(Resources(partition="gpu", nodes=2, gpus=4, cpus=8, exclusive=True, python="python"))
    text = LedgerExecutor(Path("/ledger/jobs/first"), resources, Slurm(), None).text()
    assert text.replace(str(PROJECT), "<project>") == GOLDEN.with_name("golden_first.sbatch").read_text()


def test_a_preflight_job_is_asked_once_for_a_place(tmp_path: Path) -> None:
    here = Resources(partition="main", gpus=4)
    assert preflight.folder_of(tmp_path, here) == preflight.folder_of(tmp_path, Resources(partition="main", nodes=2, memory_gb=99.0))
    assert preflight.folder_of(tmp_path, here) != preflight.folder_of(tmp_path, Resources(partition="other"))
    folder = preflight.folder_of(tmp_path, here)
    assert read_preflight(folder) is None
    write_wanted(folder, preflight.wanted_versions(here))
    write_preflight_id(folder, "7")
    assert read_preflights(tmp_path) == [Preflight(folder=folder, job_id="7", passed=False)]
    preflight.run(folder)
    assert read_preflight(folder) == Preflight(folder=folder, job_id="7", passed=True)


@pytest.mark.parametrize(
    ("what", "says"), [("cache", "cannot write the data cache"), ("versions", "has torch"), ("ledger", "cannot write")]
)
def test_what_a_preflight_job_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, says: str) -> None:
    folder = preflight.folder_of(tmp_path, Resources())
    write_wanted(folder, preflight.wanted_versions(Resources()))
    if what == "cache":
        monkeypatch.setenv("FINISHLINE_CACHE", "/proc/cache")
    elif what == "versions":
        write_wanted(folder, {"torch": "1.0"})
    else:
        monkeypatch.setattr(preflight, "write_passed", fails)
    with pytest.raises(UserError, match=says):
        preflight.run(folder)
    assert not (folder / "passed.json").exists()


def fails(*words: object) -> None:
    raise OSError(30, "Read-only file system")


def test_what_sinfo_says(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["main*|gpu:4|8|16000", "big|gpu:a100:8(S:0-1),nvme:2|64+|1000000+", "big|(null)|128|500000", "mixed|gpu:a:1,gpu:b:2|8|1"]
    answers(monkeypatch, sinfo="\n".join(lines) + "\n")
    main_, big = Largest(4, 8, 16000), Largest(8, 128, 1000000)
    assert cluster.partitions() == {"main": main_, "": main_, "big": big, "mixed": Largest(3, 8, 1)}


def test_what_scontrol_says(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, scontrol="MaxArraySize            = 1001\nMaxJobCount             = 10000\nMaxJobId = 67043328\n")
    assert cluster.limits() == Limits(1001, 10000)


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        (Resources(partition="mian"), "no partition 'mian'; did you mean 'main'?"),
        (Resources(partition="main", gpus=5), "toy/cpu asks for 5 GPUs, and no node of partition 'main' has more than 4"),
        (Resources(gpus=5), "no node of the default partition has more than 4"),
        (Resources(cpus=9), "asks for 9 CPUs"),
        (Resources(memory_gb=16), "asks for 16 GiB of memory, and no node of the default partition has more than 15.6"),
    ],
)
def test_what_no_node_has(monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], resources: Resources, says: str) -> None:
    monkeypatch.setattr(cluster, "must_be_there", lambda: None)
    answers(monkeypatch, sinfo="main*|gpu:4|8|16000\n")
    must_fit(trials, Slurm())
    with pytest.raises(UserError) as error:
        must_fit(trials, Slurm(**vars(resources)))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("ranks", "resources", "says"),
    [
        (1, Resources(gpus=4), "ranks=1 and asks for nodes=1 with gpus=4 each: one GPU is for one rank"),
        (4, Resources(gpus=1), "ranks=4 and asks for nodes=1 with gpus=1 each"),
        (3, Resources(nodes=2), "ranks=3 and asks for nodes=2: the ranks must be a multiple of the nodes"),
    ],
)
def test_ranks_that_cannot_be_shared_out(
    monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], ranks: int, resources: Resources, says: str
) -> None:
    monkeypatch.setattr(cluster, "must_be_there", lambda: None)
    answers(monkeypatch, sinfo="main*|gpu:4|8|16000\n")
    several = [replace(trial, workload=replace(trial.workload, ranks=ranks)) for trial in trials]
    must_fit(several, Slurm(nodes=1 if ranks == 3 else ranks))
    with pytest.raises(UserError, match=says):
        must_fit(several, Slurm(**vars(resources)))


def test_no_slurm_here(project: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project.root))
    assert main(["launch", "submissions=[quick]", "workloads=[toy/cpu]", "out=new", "launcher=slurm", "sandbox=none"], project.root) == 2
    assert "no sbatch on PATH" in capsys.readouterr().err
    assert not (project.root / "new").exists()


def test_a_batch_is_read_as_it_was_written(trials: list[TrialSpec], tmp_path: Path) -> None:
    batch = Batch(
        folder=tmp_path, trials=tuple(trials), retries=1, log="csv", versions={"python": "3.11"}, time_min=60, notice_s=90, timeouts=3
    )
    write_batch(batch)
    assert read_batch(tmp_path) == batch
    (tmp_path / "trials.json").write_text("{}")
    with pytest.raises(UserError, match=r"trials\.json"):
        read_batch(tmp_path)


def test_a_node_that_cannot_write_the_ledger_says_so(trials: list[TrialSpec], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*No such file or directory.*choose an out= that all nodes can write"):
        task.run_task(Batch(folder=tmp_path / "jobs" / "gone", trials=tuple(trials), retries=1, log="csv"), 0, 0.0)


def submitted(ledger: Path, trials: list[TrialSpec]) -> Path:
    folder = ledger / "jobs" / "20260101-000000-1"
    folder.mkdir(parents=True)
    write_submitted(Batch(folder=folder, trials=tuple(trials), retries=1, log="csv"), "70")
    return folder


def test_only_what_no_job_has_is_missing(monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], tmp_path: Path) -> None:
    submitted(tmp_path, trials[:4])
    answers(monkeypatch, squeue="70|1|PENDING|0:00||Resources\n70|3|RUNNING|1:00|n1|None\n71|0|PENDING|0:00||Priority\n")
    assert [t.study for t in missing(trials, tmp_path)] == [1, 3, 5]


def test_jobs_of_a_launch_that_died_before_it_noted_them_are_found(
    monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], tmp_path: Path
) -> None:
    folder = new_folder(tmp_path)
    write_batch(Batch(folder=folder, trials=tuple(trials[:4]), retries=1, log="csv"))
    new_folder(tmp_path)  # and one that died before it wrote anything
    answers(
        monkeypatch,
        squeue=lambda *words: f"71|\n70|{folder}\n" if "%F|%k" in words else "70|1|PENDING|0:00||Resources\n",
        scontrol="MaxArraySize = 1000\n",
    )
    handed_in = []
    monkeypatch.setattr(LedgerExecutor, "hand_in", lambda self, *conditions: handed_in.append(conditions) or f"{72 + len(handed_in)}")
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    assert submit(trials, tmp_path, Slurm(), 1, "csv").startswith("4 trials submitted in 1 arrays, 1 waiting or running already")
    assert [(s.job_id, len(s.places)) for s in read_submitted(tmp_path)] == [("70", 4), ("74", 4)]
    assert handed_in == [(), ("73", None)]


def test_a_dry_run_writes_nothing(monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], tmp_path: Path) -> None:
    monkeypatch.setattr(SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    ledger = tmp_path / "ledger"
    answers(monkeypatch, squeue="", scontrol="MaxArraySize = 3\n")
    text = preview(trials, ledger, Slurm(partition="main"))
    assert "array 1 of 2: 3 trials on toy/cpu" in text
    assert "#SBATCH --array=0-1%2" in text
    assert not ledger.exists()


def test_status_joins_ledger_and_slurm(monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], tmp_path: Path) -> None:
    folder = submitted(tmp_path, [*trials, replace(trials[0], study=6), replace(trials[0], study=7)])
    states = [TrialState(key=TrialKey("toy_sgd", "toy/cpu", study, 1), state="waiting", reason="") for study in range(1, 8)]
    answers(
        monkeypatch,
        squeue="70|0|PENDING|0:00||Resources\n70|1|RUNNING|1:05|n1|None\n",
        sacct="70_2|OUT_OF_MEMORY|0:125|n2|00:10:00\n70_3|FAILED|2:0|n3|00:00:01\n70_4|CANCELLED by 7|0:0|None assigned|00:00:00\n"
        "70_5|NODE_FAIL|0:0|n4|00:00:09\n",
    )
    log_event(folder, 1, "started", restarts=2)
    (folder / "70_2_0_log.out").write_text("a\nb\n\nstep 7\nstep 8\nsrun: error: n2: task 0: Out Of Memory\nslurmstepd: killed\n")
    (folder / "70_3_0_log.out").write_text("finishline: n3 cannot write\n")
    log_event(folder, 3, "given up", words="met its time limit of 1 min 4 times")
    assert in_words(jobs(tmp_path, states), 130.4) == [
        "1 in the queue (Resources)",
        "study 2, trial 1: on n1 for 1:05, started again 2 times, of about 0:02:10",
        "study 3, trial 1: OUT_OF_MEMORY (job 70_2 on n2)",
        "    | b",
        "    | step 7",
        "    | step 8",
        "study 4, trial 1: met its time limit of 1 min 4 times (job 70_3 on n3)",
        "    | finishline: n3 cannot write",
        "study 5, trial 1: CANCELLED (job 70_4)",
        f"study 6, trial 1: NODE_FAIL and no log: can this node write {folder}? (job 70_5 on n4)",
        "study 7, trial 1: not known to Slurm any more (job 70_6)",
    ]


@pytest.mark.parametrize(
    ("stops", "says"),
    [
        ([("told to stop", 1)] * 4, None),
        ([("told to stop", 1)] * 5, "was stopped 5 times running without coming to another evaluation and is not queued again"),
        ([("told to stop", 1)] * 4 + [("told to stop", 2)], None),
        ([("near the time limit", n) for n in range(3)], None),
        ([("near the time limit", n) for n in range(4)], "met its time limit of 60 min 4 times and is not queued again"),
        ([("told to stop", n) for n in range(40)], None),
    ],
)
def test_a_trial_is_not_queued_again_for_ever(tmp_path: Path, stops: list[tuple[str, int]], says: str | None) -> None:
    words = too_often(
        Batch(folder=tmp_path, trials=(), retries=1, log="csv", time_min=60, notice_s=90, timeouts=3),
        [Event(at="", host="", event="stopped", why=why, evaluations=n) for why, n in stops],
    )
    assert (words is None) if says is None else words.startswith(says)


@pytest.mark.parametrize(
    ("state", "reason", "again"),
    [
        ("RUNNING", "None", True),
        ("COMPLETING", "TimeLimit", True),  # the notice came late, or not at all
        ("TIMEOUT", "TimeLimit", True),
        ("COMPLETING", "None", False),
        ("CANCELLED", "None", False),
    ],
)
def test_a_job_that_was_told_to_stop_is_queued_again(
    monkeypatch: pytest.MonkeyPatch, trials: list[TrialSpec], tmp_path: Path, state: str, reason: str, again: bool
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    asked = answers(monkeypatch, squeue=f"70|0|{state}|1:00|n1|{reason}\n", scontrol="")
    monkeypatch.setattr(task, "_run", interrupted)
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    (tmp_path / "jobs").mkdir()
    assert task.run_task(Batch(folder=tmp_path / "jobs", trials=tuple(trials), retries=1, log="csv", timeouts=1), 0, 0.0) == 1
    assert (("scontrol", "requeue", "71") in asked) == again
    assert [line.event for line in read_events(tmp_path / "jobs", 0)] == ["started", "stopped", *(["queued again"] if again else [])]


def test_a_job_that_slurm_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgotten(*words: str) -> str:
        raise UserError("squeue: slurm_load_jobs error: Invalid job id specified")

    answers(monkeypatch, squeue=forgotten)
    assert cluster.job_status("70") is None
    answers(monkeypatch)
    with pytest.raises(UserError, match="no squeue on PATH"):
        cluster.job_status("70")


def test_status_and_cancel_import_no_torch() -> None:
    code = "import sys, harness.commands.status, harness.commands.cancel; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT).stdout.strip() == "False"


def test_a_line_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    log_event(tmp_path, 0, "started", restarts=0)
    with (tmp_path / "0.jsonl").open("a") as file:
        file.write('{"at": "2026')
    assert [line.event for line in read_events(tmp_path, 0)] == ["started"]
    assert read_events(tmp_path, 1) == []


def test_an_owner_counts_that_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not somebody_runs(tmp_path, look_every_s=0.01, heartbeat_s=0.0, stale_s=0.1)
    (tmp_path / "lock.json").write_text("{}")
    assert not somebody_runs(tmp_path, look_every_s=0.01, heartbeat_s=0.0, stale_s=0.1)
    beats = iter(range(10))
    monkeypatch.setattr(task.time, "sleep", lambda seconds: os.utime(tmp_path / "lock.json", (0, next(beats))))
    assert somebody_runs(tmp_path, look_every_s=0.01, heartbeat_s=0.0, stale_s=60.0)
