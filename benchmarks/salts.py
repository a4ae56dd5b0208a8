"""Does the difficulty of a workload depend on the salt? One run, evaluated on splits drawn under several salts.

    .venv/bin/python -m benchmarks.salts [salts=3] [workload/tier ...]

Trains nadamw at its default point in a bare loop and evaluates the weights twice on both held-out splits, drawn with the public seed and
under each salt: where they reach the validation target, as a trial would end, and at the end of the schedule. Only the second comparison is
fair to the public validation split: the first was stopped by chance of its own samples, too.
"""

import hashlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from harness.base.seeds import component_seed
from harness.data import cache_root, prepare
from harness.project.plugins import load_submission, load_workload
from harness.project.project import Project
from harness.project.space import read_space
from harness.stream import Stream
from harness.submission import SubmissionContext, WorkloadInfo
from harness.workload import Workload

PROJECT = Path(__file__).resolve().parents[1]
WORKLOADS = ("resnet/cpu", "click/cpu")
SUBMISSION, PERIOD = "nadamw", 0.025


def evaluated(workload: Workload, model: torch.nn.Module, split: Any) -> float:
    """Returns the metric on a split."""
    model.eval()
    with torch.no_grad():
        metric = workload.evaluate(model, split).metric
    model.train()
    return metric


def held_out(workload: Workload, salt: bytes | None) -> tuple[Any, Any]:
    """Returns validation and test split, drawn under a salt."""
    with tempfile.TemporaryDirectory() as name:
        workload.make_data(Path(name), salt)
        return workload.load(Path(name), "valid"), workload.load(Path(name), "test")


def train(workload: Workload, data: Path) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yields a model when it has just reached the validation target, and again at the end of the schedule."""
    config, project = workload.config, Project(PROJECT)
    torch.set_num_threads(config.threads)
    torch.manual_seed(0)
    samples, valid = workload.load(data, "train"), workload.load(data, "valid")
    model = workload.build_model().train()
    folder = project.submission_folder(SUBMISSION)
    facts = WorkloadInfo.of(config, config.step_hint * config.reference_batch, len(samples))
    point, generator = SimpleNamespace(**read_space(folder).point({})), torch.Generator().manual_seed(0)
    roles, device = workload.roles(model), torch.device("cpu")
    losses = partial(workload.losses, model)
    submission = load_submission(folder)(SubmissionContext(model, point, facts, roles, losses, generator, device, lambda: 0.0))
    submission.setup()
    stream = Stream(workload, samples, config.reference_batch, component_seed(0, "data"), device)
    met = False
    for step in range(1, config.step_hint + 1):
        submission.step(submission.select(stream))
        if not met and step % round(PERIOD * config.step_hint) == 0 and config.valid_reached(evaluated(workload, model, valid)):
            met = True
            yield f"at the target, step {step}", model
    yield f"at the end, step {config.step_hint}", model


def main(words: list[str]) -> None:
    """Prints a line for each salt, then the spread."""
    salts = next((int(word.removeprefix("salts=")) for word in words if word.startswith("salts=")), 3)
    choices = {"public": None} | {f"salt {number}": hashlib.sha256(f"salt {number}".encode()).digest() for number in range(1, salts + 1)}
    project = Project(PROJECT)
    for workload_id in [word for word in words if "/" in word] or WORKLOADS:
        config = project.workload(workload_id)
        workload = load_workload(project.workload_folder(config), config)
        drawn = {name: held_out(workload, salt) for name, salt in choices.items()}
        for place, model in train(workload, prepare(workload, cache_root())):
            print(f"{config.id}, {config.metric} {place}")
            found = {name: [evaluated(workload, model, split) for split in splits] for name, splits in drawn.items()}
            for name, (valid, test) in found.items():
                print(f"  {name:8} valid {valid:.4f} test {test:.4f}")
            salted = [metric for name, metrics in found.items() if name != "public" for metric in metrics]
            mean, deviation = statistics.mean(salted), statistics.stdev(salted)
            print(f"  {len(salted)} salted splits: mean {mean:.4f}, standard deviation {deviation:.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
