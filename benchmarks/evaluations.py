"""What would more evaluations be worth, and whom does a test target make wait? The reference submissions, evaluated four times a period.

    .venv/bin/python -m benchmarks.evaluations OUT [workload/tier ...] [submissions=nadamw,adamw_linear_zero] [seeds=10] [evaluations=4]

A bare loop on the CPU trains with the default point; data order and initial weights are those of `finishline run ... seed=N`. From 35 % of
the step hint on, the validation split is evaluated every quarter of an evaluation period, the test split every period and wherever the
validation target is met, until that has stayed met for four periods or the schedule ends. Each run becomes
OUT/<workload>/<submission>/<seed>.csv, written whole when it is done: the same command goes on where it was interrupted. Then it prints
what follows from the files; `seeds=0` runs nothing. With `evaluations=1` there is one evaluation a period: half of the time, for runs
that are to answer the question about the test target alone.

The table of each workload has a row for the validation target alone and for each test target to choose from:
* steps to the target of a run that gets two or four evaluations a period over those of the same run with one: mean and standard error;
* the same for a submission for which validation is free (it was trained on it, say) and the test target alone counts;
* honest runs that the test target makes wait after they have reached the validation target, and for how many periods;
* runs that were not observed until they met both (open), and runs that never did by the end of their schedule (refused).
"""

import copy
import csv
import io
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.cli import PROJECT
from harness.project.project import Project
from harness.workload import WorkloadConfig

WORKLOADS = ("resnet/cpu", "vit/cpu", "click/cpu", "lm/cpu")
SUBMISSIONS = ("nadamw", "adamw_linear_zero")
PERIOD, FROM = 0.025, 0.35  # shares of the step hint
FINE = 4
"""Evaluations a period; an honest run gets one."""
STAYS = 4
"""Periods for which the target must stay met before a run ends."""


@dataclass(frozen=True)
class Point:
    """One evaluation: `quarter` counts quarters of a period from the start; `valid` and `test` are values of the metric.

    The test split is evaluated once a period, and wherever the validation target is met; `test` is NaN elsewhere.
    """

    quarter: int
    step: int
    examples: int
    valid: float
    test: float


@dataclass(frozen=True)
class Curve:
    """One run; `whole` says that it went to the end of its schedule."""

    workload: WorkloadConfig
    submission: str
    seed: int
    points: Sequence[Point]

    @property
    def whole(self) -> bool:
        """Whether the schedule ended, and not the benchmark."""
        return not _stayed(self.points, self.workload)

    @property
    def fine(self) -> bool:
        """Whether there is more than one evaluation a period."""
        return any(point.quarter % FINE for point in self.points)

    def reach(self, evaluations: int, test_target: float | None = None, valid: bool = True) -> Point | None:
        """Returns the first point at the targets with so many evaluations a period; `valid` says whether validation counts."""
        every = FINE // evaluations
        end = self.points[-1].quarter if self.whole else None
        seen = (point for point in self.points if point.quarter % every == 0 or point.quarter == end)
        return next((point for point in seen if self._at(point, test_target, valid)), None)

    def _at(self, point: Point, test_target: float | None, valid: bool) -> bool:
        met = self.workload.valid_reached(point.valid) or not valid
        return met and (test_target is None or replace(self.workload, target=test_target).valid_reached(point.test))


def train(project: Project, config: WorkloadConfig, submission: str, seed: int, cache: Path, evaluations: int = FINE) -> Iterator[Point]:
    """Yields the evaluations of one run, so many a period."""
    import torch

    from harness.base.seeds import component_seed
    from harness.data import prepare
    from harness.project.plugins import load_submission, load_workload
    from harness.project.space import read_space
    from harness.stream import Stream
    from harness.submission import SubmissionContext, WorkloadInfo
    from harness.trial.runner import seed_everything

    torch.set_num_threads(config.threads)
    workload, folder = load_workload(project.workload_folder(config), config), project.submission_folder(submission)
    train_data, valid, test = (workload.load(prepare(workload, cache), split) for split in ("train", "valid", "test"))
    seed_everything(component_seed(seed, "model"))
    model = workload.build_model().train()
    twin = copy.deepcopy(model).eval()
    cpu = torch.device("cpu")
    stream = Stream(workload, train_data, config.reference_batch, component_seed(seed, "data"), cpu)
    seed_everything(component_seed(seed, "dropout"))
    setting = SubmissionContext(
        model=model,
        hp=SimpleNamespace(**read_space(folder).point({})),
        workload=WorkloadInfo.of(config, config.step_hint * config.reference_batch, len(train_data)),
        roles=workload.roles(model),
        losses=lambda batch: workload.losses(model, batch),
        generator=torch.Generator().manual_seed(component_seed(seed, "submission")),
        device=cpu,
        clock=lambda: 0.0,
    )
    algorithm = load_submission(folder)(setting)
    stream.batch_size = algorithm.batch_size(setting.workload)
    algorithm.setup()

    def point(quarter: int, step: int) -> Point:
        """Evaluates a copy of the weights: training has the same weights, buffers and random state afterwards."""
        with torch.random.fork_rng(devices=[]), torch.no_grad(), algorithm.eval_weights():
            twin.load_state_dict(model.state_dict())
            metric = workload.evaluate(twin, valid).metric
            tested = quarter % FINE == 0 or config.valid_reached(metric)
            return Point(
                quarter,
                step,
                stream.examples,
                metric,
                workload.evaluate(twin, test).metric if tested else math.nan,
            )

    quarter_examples = round(PERIOD * config.step_hint * config.reference_batch) // FINE
    every = quarter_examples * FINE // evaluations
    begin = FROM * config.step_hint * config.reference_batch
    step = due = 0
    while not algorithm.done():
        if stream.examples >= due:
            if stream.examples >= begin:
                yield point(stream.examples // quarter_examples, step)
            due = (stream.examples // every + 1) * every
        algorithm.step(algorithm.select(stream))
        step += 1
    yield point(stream.examples // quarter_examples, step)


def run(project: Project, config: WorkloadConfig, submission: str, seed: int, cache: Path, evaluations: int = FINE) -> list[Point]:
    """Returns the evaluations of one run, up to where its target has stayed met."""
    points: list[Point] = []
    for point in train(project, config, submission, seed, cache, evaluations):
        points.append(point)
        if _stayed(points, config):
            break
    return points


def _stayed(points: Sequence[Point], workload: WorkloadConfig) -> bool:
    met = list(takewhile(lambda point: workload.valid_reached(point.valid), reversed(points)))
    return bool(met) and met[0].quarter - met[-1].quarter >= STAYS * FINE


def write(path: Path, points: Sequence[Point]) -> None:
    """Writes a run, whole or not at all."""
    from harness.base.files import write_atomically

    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Point)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(point) for point in points)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.getvalue())


def read(out: Path, workload: WorkloadConfig) -> list[Curve]:
    """Returns the runs of a workload that there are."""
    curves = []
    for path in sorted((out / workload.id.replace("/", "-")).glob("*/*.csv"), key=lambda path: (path.parent.name, int(path.stem))):
        with path.open() as file:
            points = [
                Point(*(int(row[f]) for f in ("quarter", "step", "examples")), *(float(row[f]) for f in ("valid", "test")))
                for row in csv.DictReader(file)
            ]
        curves.append(Curve(workload, path.parent.name, int(path.stem), points))
    return curves


def gain(curves: Sequence[Curve], evaluations: int, test_target: float | None, valid: bool = True) -> list[float]:
    """Returns, run by run, the steps of `Curve.reach` over those of an honest run with one evaluation a period, where both reach."""
    able = (curve for curve in curves if curve.fine or evaluations == 1)
    pairs = ((curve.reach(evaluations, test_target, valid), curve.reach(1, test_target)) for curve in able)
    return [one.step / honest.step for one, honest in pairs if one and honest]


def crossings(curves: Sequence[Curve]) -> list[float]:
    """Returns the test value of each run at its first honest evaluation at the validation target."""
    return [point.test for curve in curves if (point := curve.reach(1))]


def candidates(tests: Sequence[float], workload: WorkloadConfig) -> dict[str, float]:
    """Returns test targets to choose from: the median and the worst of the runs at their crossing, and the worst eased by deviations."""
    easier = 1 if workload.direction == "minimize" else -1
    worst, deviation = (max if easier > 0 else min)(tests), statistics.stdev(tests)
    return {"median": statistics.median(tests), "worst": worst} | {f"worst + {k:g} sd": worst + easier * k * deviation for k in (0.5, 1, 2)}


def waits(curve: Curve, test_target: float) -> float | None:
    """Returns how many periods a test target makes an honest run wait after its crossing; None where it is not met within what was run."""
    first, both = curve.reach(1), curve.reach(1, test_target)
    return (both.quarter - first.quarter) / FINE if first and both else None


def report(curves: Sequence[Curve]) -> str:
    """Returns both answers for one workload in words and tables."""
    workload = curves[0].workload
    lines = [f"## {workload.id}: {workload.metric}, validation target {workload.target:g}, {len(curves)} runs", ""]
    lines += ["| submission | seeds | reached | steps to the target | test value there: mean, sd, worst |", "|---|---|---|---|---|"]
    names = sorted({curve.submission for curve in curves})
    groups = {name: [curve for curve in curves if curve.submission == name] for name in names} | (
        {"all": list(curves)} if names[1:] else {}
    )
    tests = crossings(curves)
    worst: Callable[..., float] = max if workload.direction == "minimize" else min
    for name, group in groups.items():
        steps, at = [p.step for c in group if (p := c.reach(1))], crossings(group)
        value = f"{statistics.mean(at):.4f}, {statistics.stdev(at):.4f}, {worst(at):.4f}" if at[1:] else ", ".join(map(str, at))
        lines.append(f"| {name} | {len(group)} | {len(steps)} | {_mean(steps, 0)} | {value} |")
    if not tests[1:]:
        return "\n".join([*lines, ""])
    goals = {"valid alone": None} | {f"valid and test {t:.4f} ({name})": t for name, t in candidates(tests, workload).items()}
    lines += ["", "| reached means | 2 a period | 4 a period | validation free | runs that wait | for periods | open | refused |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for name, target in goals.items():
        shares = [_mean(gain(curves, evaluations, target), 4) for evaluations in (2, 4)]
        free = "-" if target is None else _mean(gain(curves, 1, target, valid=False), 4)
        waited = sorted(wait for curve in curves if target is not None and (wait := waits(curve, target)))
        never = [curve.whole for curve in curves if curve.reach(1, target) is None]
        told = [*shares, free, len(waited), ", ".join(f"{wait:g}" for wait in waited) or "-", never.count(False), never.count(True)]
        lines.append(f"| {name} | {' | '.join(map(str, told))} |")
    return "\n".join([*lines, ""])


def _mean(values: Sequence[float], digits: int) -> str:
    """Mean and its standard error."""
    if len(values) < 2:
        return ", ".join(f"{value:.{digits}f}" for value in values) or "-"
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.{digits}f} ± {error:.{max(digits, 1)}f}"


def main(words: Sequence[str]) -> None:
    """Runs what is missing, seed by seed, and prints the answers."""
    from harness.data import cache_root

    out, given = Path(words[0]), dict(word.split("=", 1) for word in words[1:] if "=" in word)
    names: Any = given.get("submissions", ",".join(SUBMISSIONS)).split(",")
    project = Project(PROJECT)
    workloads = [project.workload(word) for word in words[1:] if "=" not in word] or [project.workload(name) for name in WORKLOADS]
    for submission in names:
        for config in workloads:
            for seed in range(1, int(given.get("seeds", 10)) + 1):
                path = out / config.id.replace("/", "-") / submission / f"{seed}.csv"
                if path.exists():
                    continue
                started = time.monotonic()
                points = run(project, config, submission, seed, cache_root(), int(given.get("evaluations", FINE)))
                write(path, points)
                took = time.monotonic() - started
                print(f"{config.id} {submission} seed {seed}: {points[-1].step} steps, {len(points)} evaluations, {took:.0f} s", flush=True)
    for config in workloads:
        if curves := read(out, config):
            print(report(curves), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
