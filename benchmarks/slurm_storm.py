"""A campaign on Slurm while jobs are timed out, queued again and preempted and a node goes down: is the board that of a quiet machine?

.venv/bin/python -m benchmarks.slurm_storm [trials]      60 trials; needs a cluster whose partition `high` preempts `main`, and its operator
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.campaign.plan import specs
from harness.cli import main
from harness.launch import cluster
from harness.ledger.jobs import read_events, read_submitted
from harness.ledger.plan import read_plan
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.project.project import Project
from tests.conftest import World, write_toy
from tests.slurm.toy import write_project

CODE = """
def setup(self):
    super().setup()
    self.optimizer.param_groups[0]["lr"] = {rate}

def step(self, batch):
    super().step(batch)
    __import__("time").sleep({sleep_s})
"""
RATES = {"steady": (0.0007, 0.25), "brisk": (0.02, 0.2)}
"""Learning rate, and seconds that a step sleeps in the storm."""
CPUS, MANY_CPUS = 3, 6
"""Of a trial, and of a job that must preempt every trial on its node of eight: beside one there are five left."""
PATIENCE_S = 1800.0
MOST_LAUNCHES = 3
"""A job that Slurm itself has lost is submitted again by the same command, as a user would do it."""
CALM_S = 30.0
"""A node is left alone for so long after a fault: of one that goes down while a job on it is being preempted Slurm may lose the job."""


@dataclass
class Storm:
    """How many faults of each kind are still to come, and which trials were hit by what."""

    faults: Counter[str]
    hit: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, float] = field(default_factory=dict)

    def blow(self, running: dict[str, tuple[str, str]]) -> None:
        """Does one thing to one of the running trials (folder -> job, node), if any fault is left."""
        fault = next((name for name, left in self.faults.items() if left), None)
        calm = {node for _, node in running.values() if time.monotonic() - self.nodes.get(node, -CALM_S) >= CALM_S}
        targets = {folder: where for folder, where in running.items() if folder not in self.hit and where[1] in calm and "steady" in folder}
        if fault is None or not targets:
            return
        folder, (job, node) = next(iter(targets.items()))
        if fault == "time limit":
            slurm("scontrol", "update", f"JobId={job}", "TimeLimit=1")
        elif fault == "requeue":
            slurm("scontrol", "requeue", job)
        elif fault == "preemption":
            slurm("sbatch", "-p", "high", "-w", node, f"--cpus-per-task={MANY_CPUS}", "--mem=10", "-o", "/dev/null", "--wrap", "sleep 1")
        else:
            slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=storm")
            time.sleep(3)
            if "DOWN" in state_of(node):  # else it has come back by itself
                slurm("scontrol", "update", f"NodeName={node}", "State=RESUME")
        self.faults[fault] -= 1
        self.hit[folder], self.nodes[node] = fault, time.monotonic()


def storm(root: Path, cache: Path, trials: int, faults: Counter[str]) -> tuple[list[str], dict[str, str]]:
    """Runs a campaign of a toy workload on Slurm and, without faults, on this machine.

    Returns what is wrong with it, and by trial what was done to it.
    """
    write_toy(root)
    write_project(root)
    launch = [
        "launch",
        "submissions=[steady,brisk]",
        "workloads=[toy/cpu]",
        f"studies={trials // 2}",
        "racing=off",
        "sandbox=none",
        "evaluation_period=0.1",
    ]
    write_submissions(World(root, cache), sleeps=False)
    assert main([*launch, f"out={root / 'quiet'}", "launcher.workers=2"], root) == 0
    write_submissions(World(root, cache), sleeps=True)
    ledger, weather = root / "stormy", Storm(+faults)
    wide = [f"launcher.cpus={CPUS}", "launcher.memory_gb=0.5", "launcher.time_min=10", "launcher.notice_s=30"]
    assert main([*launch, f"out={ledger}", "launcher=slurm", "launcher.partition=main", *wide], root) == 0
    deadline, launches = time.monotonic() + PATIENCE_S, 1
    while (live := jobs_of(ledger)) or (missing(ledger) and launches < MOST_LAUNCHES):
        if time.monotonic() > deadline:
            return [f"not at its end after {PATIENCE_S:g} s: {live}"], weather.hit
        if not live:
            launches += 1
            assert main(["status", str(ledger)], root) == 0
            assert main(["launch", f"out={ledger}", "launcher=slurm", "launcher.partition=main", *wide], root) == 0
        weather.blow({folder: where for folder, where in live.items() if where[1] and len(read_rows(ledger / folder / "evals.csv")) > 1})
        time.sleep(1)
    wrong = [f"no occasion for {left} x {fault}" for fault, left in weather.faults.items() if left]
    again = started_again(ledger)
    wrong += [f"{folder} was to meet a {fault}, which came too late" for folder, fault in weather.hit.items() if not again[folder]]
    wrong += problems(root, ledger, trials)
    for name in ("quiet", "stormy"):
        assert (
            main(
                ["score", str(root / name), f"out={root / name / 'board'}", "clock=steps", "allow_mixed=true", "allow_unsandboxed=true"],
                root,
            )
            == 0
        )
    if board(root / "quiet") != board(root / "stormy"):
        wrong.append(f"the boards differ: {board(root / 'quiet')} and {board(root / 'stormy')}")
    return wrong, weather.hit


def missing(ledger: Path) -> list[str]:
    """Returns the trials that were submitted and have no record."""
    return [folder for s in read_submitted(ledger) for folder in s.places if read_record(ledger / folder) is None]


def write_submissions(world: World, sleeps: bool) -> None:
    """Writes the two submissions, which differ in how many steps they need."""
    for name, (rate, sleep_s) in RATES.items():
        world.submission(CODE.format(rate=rate, sleep_s=sleep_s * sleeps), name)


def slurm(*words: str) -> None:
    """Gives Slurm an order."""
    subprocess.run(words, check=True, capture_output=True)


def state_of(node: str) -> str:
    """Returns the state of a node: IDLE, MIXED, DOWN*, ..."""
    return subprocess.run(["sinfo", "-h", "-n", node, "-o", "%T"], check=True, capture_output=True, text=True).stdout.upper()


def jobs_of(ledger: Path) -> dict[str, tuple[str, str]]:
    """Returns the trials that Slurm has: folder -> job and node, "" while it waits."""
    live = cluster.queue()
    names = {f"{s.job_id}_{index}": folder for s in read_submitted(ledger) for index, folder in enumerate(s.places)}
    return {names[job]: (job, seen.node if seen.state == "RUNNING" else "") for job, seen in live.items() if job in names}


def problems(root: Path, ledger: Path, trials: int) -> list[str]:
    """Returns what a storm must not leave: trials without a verdict, rows twice, seconds twice, files of owners, processes."""
    wrong = []
    plan = read_plan(ledger)
    assert plan is not None
    folders = [spec.folder(ledger) for spec in specs(plan, Project(root))]
    for folder in folders:
        record, rows = read_record(folder), read_rows(folder / "evals.csv")
        if record is None or record.verdict != "reached":
            wrong.append(f"{folder}: {record and record.reason}")
            continue
        if [row.evaluation for row in rows] != list(range(len(rows))) or (folder / "attempts.jsonl").exists():
            wrong.append(f"{folder}: run twice")
        if abs(sum(s.time_s for s in record.segments) - record.time_s) > 1e-6:
            wrong.append(f"{folder}: its segments do not add up to its time")
    wrong += [f"{trials} trials wanted, {len(folders)} planned"] if len(folders) != trials else []
    wrong += [f"left behind: {path}" for path in ledger.rglob("*owner*")]
    commands = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    return wrong + [f"still there: {command}" for command in commands if str(ledger) in command and "harness" in command]


def board(ledger: Path) -> list[tuple[str, str]]:
    """Returns submission and score, best first."""
    with (ledger / "board" / "leaderboard.csv").open() as file:
        return [(row["submission"], row["score"]) for row in csv.DictReader(file)]


def started_again(ledger: Path) -> Counter[str]:
    """Returns how often the job of each trial was started again."""
    count = Counter[str]()
    for submitted in read_submitted(ledger):
        for index, folder in enumerate(submitted.places):
            count[folder] += max(sum(line.event == "started" for line in read_events(submitted.batch, index)) - 1, 0)
    return count


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    share = max(1, number // 12)
    wanted = Counter({"time limit": share, "requeue": share, "preemption": max(1, number // 20), "node down": 1})
    with tempfile.TemporaryDirectory(dir=Path.home()) as place:
        begun = time.monotonic()
        cache = Path(place) / "cache"
        os.environ["FINISHLINE_CACHE"] = str(cache)  # Slurm hands it on to the jobs
        found, done = storm(Path(place), cache, number, wanted)
        took_s = time.monotonic() - begun
        restarts = started_again(Path(place) / "stormy").total()
        print(f"{number} trials in {took_s:.0f} s, faults: {dict(Counter(done.values()))}, {restarts} restarts")
        print("\n".join(found) or "nothing is wrong: all verdicts, the same board, nothing twice, nothing left")
    sys.exit(bool(found))
