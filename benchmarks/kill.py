"""Kills trials at random instants, starts them again, and compares what comes out with an uninterrupted run.

    .venv/bin/python -m benchmarks.kill 100 [resnet/cpu]

Half of the trials are of a toy workload, half of the `cpu` workload (cut to 60 steps). Each is killed one to three times: the runner,
the referee, or both, at an instant drawn from the length of the uninterrupted run. Checkpoints fall due so often that trials do go on from
them (how many did is printed). A trial survives if its final weights and all its rows
but the times are bitwise those of the uninterrupted run, its clock adds up, and no process is left.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import psutil

from harness.campaign.plan import single_point, single_trial
from harness.data import cache_root
from harness.ledger.reading import write_json
from harness.ledger.record import Record, read_record
from harness.ledger.rows import Row, read_rows
from harness.ledger.spec import TrialSpec, read_spec
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.trial.referee import run_trial
from tests.conftest import Silent, World, write_toy

PROJECT = Path(__file__).resolve().parents[1]
STEPS = 60
SUBMISSION = f"""
import random
import numpy
import torch
from harness.schedules import warmup_then_linear
from harness.submission import Submission

class Noisy(Submission):
    '''Uses every random stream, every hook and a swap of weights; ends after {STEPS} steps.'''

    def setup(self):
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=True)
        self.schedule = warmup_then_linear(self.optimizer, 0.05, {STEPS})
        self.average = [p.detach().clone() for p in self.model.parameters()]
        self.made, self.told = 0, 0.0

    def step(self, batch):
        super().step(batch)
        noise = random.random() + numpy.random.rand() + torch.rand(()).item() + torch.rand((), generator=self.generator).item()
        with torch.no_grad():
            for p, a in zip(self.model.parameters(), self.average):
                p.add_(1e-5 * noise * p)
                a.lerp_(p, 0.1)
        self.made += 1

    def eval_weights(self):
        return self.swapped()

    @__import__("contextlib").contextmanager
    def swapped(self):
        saved = [p.detach().clone() for p in self.model.parameters()]
        with torch.no_grad():
            for p, a in zip(self.model.parameters(), self.average):
                p.copy_(a)
        yield
        with torch.no_grad():
            for p, s in zip(self.model.parameters(), saved):
                p.copy_(s)

    def on_eval(self, evaluation):
        self.told += evaluation.loss
        self.optimizer.param_groups[0]["weight_decay"] = self.told * 1e-3

    def done(self):
        if self.made >= {STEPS}:
            everything = b"".join(p.detach().numpy().tobytes() for p in self.model.parameters())
            print("weights", __import__("hashlib").sha256(everything).hexdigest())
        return self.made >= {STEPS}
"""


@dataclass(frozen=True)
class Result:
    """What must be the same, killed or not; and the record."""

    rows: tuple[tuple[float, ...], ...]
    weights: str
    record: Record
    seconds: float


def run(spec: TrialSpec, folder: Path, cache: Path, kills: list[tuple[float, str]]) -> Result:
    """Runs a trial in a process of its own, killed after these seconds in these parts, until it has a result."""
    for after_s, part in [*kills, (float("inf"), "")]:
        started = time.monotonic()
        referee = start(spec, folder, cache)
        below: list[psutil.Process] = []
        try:
            referee.wait(timeout=None if after_s == float("inf") else after_s)
        except subprocess.TimeoutExpired:
            below = psutil.Process(referee.pid).children(recursive=True)
            kill(referee.pid, part)
            referee.wait()
        nothing_left(below)
        record = read_record(folder)
        if record is not None and record.verdict == "missed":
            break
    assert record is not None
    assert record.verdict == "missed", record.reason
    rows = read_rows(folder / "evals.csv")
    assert len(record.segments) == len(set(record.segments))
    assert abs(sum(s.time_s for s in record.segments) - record.time_s) < 1e-6
    assert all(a.time_s <= b.time_s for a, b in pairwise(rows))
    printed = [line for line in (folder / "log.txt").read_text().splitlines() if line.startswith("weights")]
    assert len(set(printed)) == 1, printed
    return Result(tuple(map(timeless, rows)), printed[0], record, time.monotonic() - started)


def start(spec: TrialSpec, folder: Path, cache: Path) -> "subprocess.Popen[bytes]":
    """Starts a referee in a process of its own; the spec is written beside the trial's folder for it."""
    path = folder.with_name(f"{folder.name}.spec.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, spec)
    return subprocess.Popen([sys.executable, "-m", "benchmarks.kill", "trial", str(folder), str(cache), str(path)], cwd=PROJECT)


def timeless(row: Row) -> tuple[float, ...]:
    """What a row says apart from times and memory."""
    return (row.evaluation, row.step, row.examples, row.valid_metric, row.valid_loss)


def kill(referee: int, part: str) -> None:
    """Kills the referee, its runner, or both."""
    runners = [process for process in psutil.Process(referee).children(recursive=True) if is_runner(process)]
    if part in ("referee", "both"):
        psutil.Process(referee).send_signal(signal.SIGKILL)
    for process in runners if part in ("runner", "both") else []:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def words_of(process: psutil.Process) -> list[str] | None:
    """Returns the command line of a living process, None of one that has ended or ends just now."""
    try:
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def is_runner(process: psutil.Process) -> bool:
    """Whether this is a living runner, or the sandbox around one."""
    return "harness.trial.runner_main" in (words_of(process) or ())


def nothing_left(below: list[psutil.Process]) -> None:
    """Fails when a process that was below a referee still lives two seconds after it."""
    deadline = time.monotonic() + 2
    while left := [process.pid for process in below if process.is_running() and words_of(process) is not None]:
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.02)


def survives(spec: TrialSpec, whole: Result, folder: Path, cache: Path, dice: random.Random) -> str:
    """Returns "" when a killed trial ends as the whole one did, else what is different."""
    kills = [(dice.uniform(0.3, 1.1 * whole.seconds), dice.choice(["runner", "referee", "both"])) for _ in range(dice.randint(1, 3))]
    try:
        result = run(spec, folder, cache, kills)
    except AssertionError as error:
        return f"{kills}: {error}"
    if result.weights != whole.weights:
        return f"{kills}: other weights"
    if result.rows != whole.rows:
        return f"{kills}: other rows"
    return ""


def storm(specs: list[TrialSpec], number: int, scratch: Path, cache: Path, seed: int = 0) -> list[str]:
    """Kills `number` trials, the specs in turn; returns what went wrong, one line each."""
    dice = random.Random(seed)
    whole = [run(spec, scratch / f"whole_{i}", cache, []) for i, spec in enumerate(specs)]
    wrong = []
    for trial in range(number):
        i = trial % len(specs)
        difference = survives(specs[i], whole[i], scratch / f"killed_{trial}", cache, dice)
        if difference:
            wrong.append(f"trial {trial} of {specs[i].workload.id}: {difference}")
        print(f"{trial + 1 - len(wrong)}/{trial + 1} survived", flush=True)
    return wrong


def submission(scratch: Path) -> Path:
    """Writes the submission that is run."""
    folder = scratch / "noisy"
    folder.mkdir()
    (folder / "submission.py").write_text(SUBMISSION)
    (folder / "space.yaml").write_text("unused: {scale: linear, min: 0, max: 1, default: 0}\n")
    return folder


def toy_spec(world: World, sandbox: str = "auto") -> TrialSpec:
    """The toy workload of the tests with a target that nobody meets."""
    return world.spec(
        SUBMISSION, "noisy_toy", hp={"unused": 0.0}, target=-1.0, evaluate_every=16 * 12, sandbox=sandbox, checkpoint_period_s=0.0
    )


def cpu_spec(folder: Path, workload_id: str) -> TrialSpec:
    """The `cpu` workload with a target that nobody meets."""
    project = Project(PROJECT)
    config = replace(project.workload(workload_id), budget_s=3600.0, step_hint=STEPS)
    config = replace(config, target=-1e9 if config.direction == "minimize" else 1e9)
    ruleset = Ruleset("benchmark", 1, 1, 1.0, "default")
    spec = single_trial(project, single_point(project, str(folder), {}, ruleset), config, ruleset, 0.2, "auto", seed=0)
    return replace(spec, checkpoint_period_s=0.3)


def main(words: list[str]) -> int:
    """Prints survived/N."""
    number, workload_id = int(words[0]), words[1] if len(words) > 1 else "resnet/cpu"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = submission(scratch)
        write_toy(scratch)
        wrong = storm([toy_spec(World(scratch, cache_root())), cpu_spec(folder, workload_id)], number, scratch, cache_root())
    print("\n".join(wrong))
    print(f"survived {number - len(wrong)}/{number}")
    return len(wrong)


if __name__ == "__main__":
    if sys.argv[1] == "trial":
        run_trial(read_spec(Path(sys.argv[4])), Path(sys.argv[2]), Path(sys.argv[3]), Silent())
    else:
        sys.exit(main(sys.argv[1:]))
