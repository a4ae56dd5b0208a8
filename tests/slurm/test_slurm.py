"""Campaigns on a real Slurm: submitted, finished, told to stop, cancelled, shown, in a storm; and what may be wrong with a node.

They have one cluster between them: a lock (`conftest.py`) has one follow the other.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks.slurm_storm import storm
from harness.cli import main
from harness.launch import cluster
from harness.ledger.jobs import read_events, read_preflights, read_submitted
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from tests.conftest import SGD, World
from tests.slurm.conftest import wait
from tests.slurm.toy import SLOW

Launch = Callable[..., int]


def ledger_of(project: World) -> Path:
    return project.root / "ledger"


def job_of(project: World, index: int = 0) -> str:
    return f"{read_submitted(ledger_of(project))[-1].job_id}_{index}"


def status(project: World, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["status", str(ledger_of(project))], project.root) == 0
    return capsys.readouterr().out


def trial(project: World, name: str) -> Path:
    return ledger_of(project) / name / "toy-cpu" / "study_1" / "trial_1"


def has_rows(project: World, name: str) -> bool:
    return len(read_rows(trial(project, name) / "evals.csv")) > 1


def release(project: World) -> None:
    """Lets the first short job and the array go that were submitted with a hold."""
    (first,) = read_preflights(ledger_of(project))
    subprocess.run(["scontrol", "release", first.job_id, read_submitted(ledger_of(project))[-1].job_id], check=True)


def test_launched_shown_resubmitted_cancelled(project: World, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    launch = partial(launch, "checkpoint_period_s=0")
    assert launch("submissions=[quick,waits]", "launcher.extra.hold=true") == 0
    assert "2 trials submitted in 1 arrays, 0 waiting or running already" in capsys.readouterr().out
    assert launch() == 0
    assert "0 trials submitted in 0 arrays, 2 waiting or running already" in capsys.readouterr().out
    release(project)
    wait(lambda: read_record(trial(project, "quick")), "a verdict")
    wait(lambda: has_rows(project, "waits"), "a checkpoint")
    shown = status(project, capsys)
    assert re.search(r"quick +toy/cpu +1 reached", shown)
    assert re.search(r"study 1, trial 1: on \S+ for 0:\d\d", shown)
    assert main(["cancel", str(ledger_of(project)), "submission=quikc"], project.root) == 2
    assert "did you mean 'quick'" in capsys.readouterr().err
    assert main(["cancel", str(ledger_of(project)), "submission=quick"], project.root) == 0
    assert "0 jobs cancelled" in capsys.readouterr().out
    assert main(["cancel", str(ledger_of(project)), "workload=toy/cpu"], project.root) == 0
    assert "1 jobs cancelled" in capsys.readouterr().out
    wait(lambda: job_of(project, 1) not in cluster.queue(), "an empty queue")
    assert "study 1, trial 1: CANCELLED" in status(project, capsys)
    assert read_record(trial(project, "waits")) is None
    assert not (trial(project, "waits") / "lock.json").exists()
    rows = len(read_rows(trial(project, "waits") / "evals.csv"))
    (project.root / "gate").unlink()
    assert launch() == 0
    assert "1 trials submitted in 1 arrays, 0 waiting or running already" in capsys.readouterr().out
    wait(lambda: read_record(trial(project, "waits")), "a verdict")
    first, second = read_record(trial(project, "waits")).segments
    assert rows - 1 <= second.first_evaluation <= rows
    assert first.time_s > 0


def test_too_many_time_limits_end_it_with_a_word(project: World, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    project.submission(f"def setup(self):\n    super().setup()\n    self.optimizer.param_groups[0]['lr'] = 1e-9\n\n{SLOW}", "endless")
    assert launch("submissions=[endless]", "launcher.time_min=1", "launcher.notice_s=50", "launcher.timeouts=0") == 0
    wait(lambda: job_of(project) not in cluster.queue(), "the end of the job")  # Slurm gives notice at 10 s or at its next look
    (stopped, given_up) = [line for line in read_events(read_submitted(ledger_of(project))[0].batch, 0) if line.event != "started"]
    assert (stopped.event, stopped.why) == ("stopped", "near the time limit")
    assert given_up.event == "given up"
    shown = status(project, capsys)
    assert "met its time limit of 1 min 1 times and is not queued again (launcher.timeouts=0)" in shown
    assert "launch again, with a longer launcher.time_min" in shown
    assert read_record(trial(project, "endless")) is None
    assert not (trial(project, "endless") / "lock.json").exists()


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("/nowhere/python", "No such file or directory"),
        (f"FINISHLINE_CACHE=/proc {sys.executable}", "cannot write the data cache /proc"),
    ],
)
def test_what_a_node_lacks_is_found_by_a_first_short_job(
    project: World, launch: Launch, capsys: pytest.CaptureFixture[str], python: str, says: str
) -> None:
    assert launch("submissions=[quick]", f"launcher.python='env {python}'") == 0
    amiss = "no trial was started, since the preflight job found something amiss: FAILED with exit code"
    wait(lambda: amiss in status(project, capsys), "accounts of the failure")
    assert says in status(project, capsys)
    wait(lambda: job_of(project) not in cluster.queue(), "the end of what waited for it")
    assert not trial(project, "quick").exists()
    assert launch() == 0
    wait(lambda: read_record(trial(project, "quick")), "a verdict")
    assert launch("submissions=[waits]") == 0
    assert len(list((ledger_of(project) / "jobs").glob("first-*"))) == 2  # what has passed is not asked again


def test_a_node_with_other_versions(project: World, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch("submissions=[quick]", "launcher.extra.hold=true") == 0
    path = read_submitted(ledger_of(project))[0].batch / "trials.json"
    batch = json.loads(path.read_text())
    batch["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(batch))
    assert re.search(r"1 in the queue \((JobHeldUser|Dependency)\)", status(project, capsys))
    release(project)
    wait(lambda: job_of(project) not in cluster.queue(), "the end of the job")
    assert re.search(r"\S+ has torch \S+ and not 1.0: give launcher.setup or launcher.python", status(project, capsys))


def test_what_slurm_refuses_is_told_in_a_line(project: World, launch: Launch, capsys: pytest.CaptureFixture[str]) -> None:
    for word, says in (
        ("launcher.partition=mian", "no partition 'mian'; did you mean 'main'?"),
        ("launcher.gpus=99", "asks for 99 GPUs, and no node of partition 'main' has more than"),
        ("launcher.constraint=nosuch", "Slurm does not take the jobs: sbatch: error"),
    ):
        assert launch("submissions=[quick]", word) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert read_submitted(ledger_of(project)) == []


def test_a_trial_on_two_nodes(project: World, launch: Launch) -> None:
    assert launch("submissions=[quick]", "ranks=4", "launcher.nodes=2") == 0
    wait(lambda: read_record(trial(project, "quick")), "a verdict")
    record = read_record(trial(project, "quick"))
    assert (record.verdict, record.ranks, record.frozen_ranks) == ("reached", 4, 2), record.reason
    wait(lambda: job_of(project) not in cluster.queue(), "the end of both tasks")
    alone = project.run(
        ranks=4, target=0.05, budget_s=600.0, seed=record.seed, name="quick", out="alone", evaluate_every=record.evaluate_every
    )
    assert (alone.record.steps, alone.record.best_metric) == (record.steps, record.best_metric)


def test_a_rank_that_dies_on_another_node(project: World, launch: Launch) -> None:
    code = "import os\n" + SGD + "    def step(self, batch):\n        os.kill(os.getpid(), 9 * self.rank)\n        super().step(batch)\n"
    project.submission(code, "dies")
    assert launch("submissions=[dies]", "ranks=2", "launcher.nodes=2", "retries=0") == 0
    wait(lambda: read_record(trial(project, "dies")), "a verdict")
    record = read_record(trial(project, "dies"))
    assert record.verdict == "crashed"
    assert "rank 1 was killed by signal 9" in record.reason
    wait(lambda: job_of(project) not in cluster.queue(), "the end of both tasks")


def test_a_small_storm(project: World) -> None:
    """One fault of each kind on a campaign of twelve trials; benchmarks/slurm_storm.py has sixty."""
    faults = Counter({"time limit": 1, "requeue": 1, "preemption": 1, "node down": 1})
    wrong, hit = storm(project.root / "storm", project.cache, 12, faults)
    assert wrong == []
    assert Counter(hit.values()) == faults
