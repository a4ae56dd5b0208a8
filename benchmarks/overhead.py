"""Steps per second inside a trial against a bare PyTorch loop: same model, data, batch and optimizer.

    .venv/bin/python -m benchmarks.overhead [pairs=5] [workload/tier ...]

Each pair runs both in fresh processes, one after the other, and changes their order from pair to pair. Off-clock time is left out of both.
Prints the ratio of each pair and the median; above 1 the trial is the faster one.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SUBMISSION = "adamw_linear_zero"
STEPS = {"lm/cpu": 120, "vit/cpu": 240, "resnet/cpu": 400, "click/cpu": 300}
STOPS = """

class Stops({name}):
    def setup(self):
        super().setup()
        self.made = 0

    def step(self, batch):
        super().step(batch)
        self.made += 1

    def done(self):
        return self.made >= {steps}
"""


def bare(workload_id: str, steps: int) -> None:
    """The loop without a harness; prints seconds."""
    from types import SimpleNamespace

    import torch

    from harness.data import cache_root, prepare
    from harness.project.plugins import load_submission, load_workload
    from harness.project.project import Project
    from harness.project.space import read_space
    from harness.submission import SubmissionContext, WorkloadInfo
    from harness.trial.runner import warm_up

    project = Project(PROJECT)
    config = project.workload(workload_id)
    torch.set_num_threads(config.threads)
    torch.manual_seed(0)
    workload = load_workload(project.workload_folder(config), config)
    data = workload.load(prepare(workload, cache_root()), "train")
    model = workload.build_model().train()
    folder = project.submission_folder(SUBMISSION)
    facts = WorkloadInfo.of(config, config.step_hint * config.reference_batch, len(data))
    point, generator = SimpleNamespace(**read_space(folder).point({})), torch.Generator().manual_seed(0)
    setting = SubmissionContext(model, point, facts, workload.roles(model), lambda b: b, generator, torch.device("cpu"), lambda: 0.0)
    warm_up(workload, model, data, config.reference_batch, torch.device("cpu"))
    order = torch.randperm(len(data), generator=generator)
    submission = load_submission(folder)(setting)
    submission.setup()
    optimizer, schedule, parameters = submission.optimizer, submission.schedule, list(model.parameters())
    started = time.monotonic()
    for step in range(steps):
        start = step * config.reference_batch % (len(data) - config.reference_batch)
        batch = workload.batch(data, order[start : start + config.reference_batch], generator)
        optimizer.zero_grad(set_to_none=True)
        workload.losses(model, batch).mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    print(time.monotonic() - started)


def trial(workload_id: str, steps: int) -> None:
    """The same number of steps as a trial; prints the seconds on the clock between the first evaluation and the last."""
    import dataclasses

    from rich.console import Console

    from harness.callbacks.display import Display
    from harness.campaign.plan import single_point, single_trial
    from harness.data import cache_root
    from harness.ledger.rows import read_rows
    from harness.project.project import Project
    from harness.project.rulesets import Ruleset
    from harness.trial.referee import run_trial

    project = Project(PROJECT)
    config = dataclasses.replace(project.workload(workload_id), budget_s=3600, target=-1e9)
    config = config if config.direction == "minimize" else dataclasses.replace(config, target=1e9)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "stops"
        source = (project.submission_folder(SUBMISSION) / "submission.py").read_text()
        folder.mkdir()
        (folder / "submission.py").write_text(source + STOPS.format(name="AdamWLinearZero", steps=steps))
        (folder / "space.yaml").write_text((project.submission_folder(SUBMISSION) / "space.yaml").read_text())
        ruleset = Ruleset("benchmark", 1, 1, 1.0, "default")
        planned = single_point(project, str(folder), {}, ruleset)
        spec = single_trial(project, planned, config, ruleset, 0.025, "auto", seed=0)
        with Path("/dev/null").open("w") as nowhere:
            run_trial(spec, Path(scratch) / "trial", cache_root(), Display(Console(file=nowhere)))
        rows = read_rows(Path(scratch) / "trial" / "evals.csv")
    assert rows[-1].step == steps, rows[-1]
    print(rows[-1].time_s - rows[0].time_s)


def seconds(kind: str, workload_id: str) -> float:
    """Runs one side in a fresh process."""
    command = [sys.executable, __file__, kind, workload_id]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=None)
    if outcome.returncode:
        sys.exit(outcome.stderr)
    return float(outcome.stdout.split()[-1])


def main(words: list[str]) -> None:
    """Prints the table."""
    pairs = next((int(word.removeprefix("pairs=")) for word in words if word.startswith("pairs=")), 5)
    for workload_id in [word for word in words if "/" in word] or STEPS:
        ratios = []
        for pair in range(pairs):
            order = ("bare", "trial") if pair % 2 == 0 else ("trial", "bare")
            taken = {kind: seconds(kind, workload_id) for kind in order}
            ratios.append(taken["bare"] / taken["trial"])
            print(f"{workload_id:12} bare {taken['bare']:7.3f} s  trial {taken['trial']:7.3f} s  ratio {ratios[-1]:.4f}", flush=True)
        print(f"{workload_id:12} median ratio {statistics.median(ratios):.4f} over {pairs} pairs of {STEPS[workload_id]} steps", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in ("bare", "trial"):
        {"bare": bare, "trial": trial}[sys.argv[1]](sys.argv[2], STEPS[sys.argv[2]])
    else:
        main(sys.argv[1:])
