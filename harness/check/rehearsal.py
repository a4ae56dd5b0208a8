"""What happens inside the process of a trial run: the submission trains a tiny model, and each promise it makes is tried.

Run as `python -m harness.check.rehearsal FOLDER REPORT HP`; every stage and finding is one line of JSON to the descriptor REPORT.
"""

import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.base.seeds import component_seed
from harness.check.finding import Finding, Level
from harness.check.tiny import CONFIG, SAMPLES, Net, Tiny
from harness.project.plugins import load_submission
from harness.project.space import read_space
from harness.state import compare
from harness.stream import Stream
from harness.submission import StateError, Submission, SubmissionContext, WorkloadInfo, checked_batch_size, checked_done
from harness.trial.checkpoint import random_state, set_random_state
from harness.trial.guard import Guard, RuleBroken
from harness.trial.memory_file import path_of
from harness.trial.read_back import (
    changed_weights,
    copy_weights,
    everything,
    not_restored,
    read,
    restore_submission,
    some,
    submission_state,
    write_readable_state,
)
from harness.trial.runner import warm_up
from harness.workload import Batch, Evaluation

FACTS = WorkloadInfo.of(CONFIG, evaluate_every=CONFIG.step_hint * CONFIG.reference_batch // 20, num_samples=SAMPLES)
STEPS, MORE_STEPS, MAX_CORNERS, EVALUATIONS = 10, 5, 64, 3
Losses = Callable[[nn.Module, Batch], Tensor]


class CheckAborted(Exception):
    """Nothing more can be tried."""


class Report:
    """Writes stages and findings as they come, so that a process that dies has told how far it got."""

    def __init__(self, file: Path | int) -> None:
        self._file = open(file, "w", buffering=1)  # noqa: SIM115

    def write(self, **line: Any) -> None:
        """Adds a line."""
        self._file.write(json.dumps(line) + "\n")

    def find(self, level: Level, what: str, advice: str, line: int = 0) -> None:
        """Adds a finding."""
        self.write(finding=asdict(Finding(level, "submission.py", line, what, advice)))

    @contextmanager
    def stage(self, name: str, level: Level = "error", vital: bool = False) -> Iterator[None]:
        """Turns whatever is raised into a finding; raises Over after it where nothing can follow."""
        self.write(stage=name)
        try:
            yield
        except RuleBroken as error:
            self.find("error", f"{error} (found after {name})", "the model, the workload and torch are not the submission's to change")
        except StateError as error:
            self.find("error", f"the state cannot be saved: {error}", "a trial could not be resumed, and ends at its first checkpoint")
        except Exception as error:
            line, place = _place(error)
            what = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}".rstrip(": ")
            self.find(level, f"{what}{place}, during {name}", "mend it first" if vital else "it would end the trial", line)
        else:
            return
        if vital:
            raise CheckAborted


@dataclass
class Session:
    """A submission with its model and stream."""

    submission: Submission
    model: nn.Module
    stream: Stream
    guard: Guard
    steps: int = 0
    done_at: int | None = None
    evaluations: int = 0

    def advance(self, steps: int) -> None:
        """Trains on, as the runner does."""
        for _ in range(steps):
            self._look_if_done()
            self.submission.step(self.submission.select(self.stream))
            self.steps += 1
        self._look_if_done()

    def evaluate(self) -> None:
        """Tells the submission of an evaluation, as the runner does."""
        self.evaluations += 1
        before = random_state()
        with self.submission.eval_weights():
            loss = self.loss()
        set_random_state(before)
        self.submission.on_eval(Evaluation(loss, loss))

    def weights(self) -> dict[str, Tensor]:
        """Returns a copy of parameters and buffers."""
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def rates(self) -> tuple[float, ...]:
        """Returns the learning rate of every parameter group of `self.optimizer`, if it is an optimizer."""
        groups = getattr(getattr(self.submission, "optimizer", None), "param_groups", [])
        return tuple(float(group["lr"]) for group in groups if "lr" in group)

    def is_finite(self) -> bool:
        """Whether no parameter has become inf or NaN."""
        return all(bool(parameter.isfinite().all()) for parameter in self.model.parameters())

    def loss(self) -> float:
        """Returns the mean loss over all data, without dropout; leaves no trace."""
        self.model.eval()
        with torch.no_grad():
            loss = Tiny(CONFIG).evaluate(self.model, Tiny(CONFIG).load(Path(), "train")).loss
        self.model.train()
        return loss

    def _look_if_done(self) -> None:
        if checked_done(self.submission) and self.done_at is None:
            self.done_at = self.steps


def begin(kind: type[Submission], hp: Mapping[str, Any], losses: Losses | None = None) -> Session:
    """Builds model, stream and submission, always alike, and has it set up."""
    workload = Tiny(CONFIG)
    model = fresh_model(workload)
    stream = Stream(workload, workload.load(Path(), "train"), CONFIG.reference_batch, component_seed(1, "data"), torch.device("cpu"))
    guard = Guard(model, workload)
    torch.manual_seed(component_seed(1, "dropout"))
    of_batch = losses or workload.losses
    submission = kind(
        SubmissionContext(
            model=model,
            hp=SimpleNamespace(**hp),
            workload=FACTS,
            roles=MappingProxyType(workload.roles(model)),
            losses=lambda batch: of_batch(model, batch),
            generator=torch.Generator().manual_seed(component_seed(1, "submission")),
            device=torch.device("cpu"),
            clock=lambda: 0.0,
            stream=stream,
        )
    )
    stream.batch_size = checked_batch_size(submission, FACTS)
    submission.setup()
    return Session(submission, model, stream, guard)


def fresh_model(workload: Tiny) -> nn.Module:
    """Returns the model as a trial starts with it."""
    torch.manual_seed(component_seed(1, "model"))
    return workload.build_model().train()


def rehearse(folder: Path, hp: Mapping[str, Any], report: Report) -> None:
    """Tries everything, in the order in which a trial would."""
    workload = Tiny(CONFIG)
    warm_up(workload, workload.build_model(), workload.load(Path(), "train"), CONFIG.reference_batch, torch.device("cpu"))
    guard = Guard(workload.build_model(), workload)
    with report.stage("the import", vital=True):
        kind = load_submission(folder)
        guard.check()
    with report.stage("setup", vital=True):
        session = begin(kind, hp)
        session.guard.check()
    before, loss_before, rates = session.weights(), session.loss(), {session.rates()}
    if changed := changed_weights(fresh_model(workload).state_dict(), before):
        report.find("warning", f"setup() changes weights: {some(changed)}", "training starts from the weights that the workload made")
    with report.stage(f"the first {STEPS} steps", vital=True):
        session.advance(STEPS)
        session.guard.check()
    rates.add(session.rates())
    learns(session, before, loss_before, report)
    with report.stage("eval_weights"):
        swaps_back(session, report)
    with report.stage("on_eval"):
        session.evaluate()
    half, sound = session.submission.horizon // 2, False
    with report.stage("saving and resuming"):
        session.advance(1)  # an odd number of steps, so that few windows of accumulation end here
        sound = resumes(session, folder, hp, report)
        while session.evaluations < EVALUATIONS:
            session.advance(1)
            session.evaluate()
        sound = sound and resumes(session, folder, hp, report)
    with report.stage("the steps up to half of the horizon"):
        session.advance(max(1, half - session.steps) + (half - session.steps) % 2)
        session.guard.check()
        if not session.is_finite():
            advice = "it trains at first and then blows up: lower the rate, clip, or divide with an epsilon"
            report.find("error", f"the weights are not finite after {session.steps} of {session.submission.horizon} steps", advice)
        if len(rates) == 1 and rates == {session.rates()}:
            what = f"the learning rate is the same after 0, {STEPS} and {session.steps} steps"
            report.find("warning", what, "is a schedule missing, or never stepped?")
        if session.done_at is not None and session.done_at < half:
            what = f"done() is true after {session.done_at} steps of a horizon of {session.submission.horizon}"
            report.find("warning", what, "the trial ends there: is that meant?")
    with report.stage("saving and resuming beyond half of the horizon"):
        if sound:
            resumes(session, folder, hp, report)
    for name, losses in (("zero", _zero), ("missing", _only_the_head)):
        with report.stage(f"steps with {name} gradients", level="warning"):
            session = begin(kind, hp, losses)
            session.advance(3)
            if not session.is_finite():
                report.find("warning", f"{name} gradients give weights that are not finite", "divide by norms with an epsilon")
    with report.stage("the corners of the search space"):
        corners(kind, folder, hp, report)


def learns(session: Session, before: Mapping[str, Tensor], loss_before: float, report: Report) -> None:
    """Finds weights that are not finite, or do not move, and a loss that does not fall."""
    if not session.is_finite():
        advice = "a default must train on every workload: lower the rate, or clip"
        report.find("error", f"the weights are not finite after {session.steps} steps with the default hyperparameters", advice)
        return
    if session.stream.examples == 0:
        report.find(
            "error", f"select() took no examples from the stream in {session.steps} steps", "evaluations fall due by examples taken"
        )
    still = [name for name, parameter in session.model.named_parameters() if torch.equal(parameter, before[name])]
    if len(still) == len(list(session.model.parameters())):
        report.find("error", f"no parameter moved in {session.steps} steps", "does step() call the optimizer, and is the rate above 0?")
    elif still:
        roles = ", ".join(f"{name} ({session.submission.roles[name]})" for name in still)
        report.find("warning", f"never moved in {session.steps} steps: {roles}", "is a role forgotten in setup?")
    if not still and not session.loss() < loss_before:
        what = f"the loss did not fall in {session.steps} steps ({loss_before:.3f} to {session.loss():.3f})"
        report.find("warning", what, "is the sign right, and the rate?")


def swaps_back(session: Session, report: Report) -> None:
    """Finds traces that an evaluation leaves in weights and state."""
    submission = session.submission
    weights, state = session.weights(), through_a_file(submission)
    streams = random_state()
    with submission.eval_weights():
        if not session.is_finite():
            report.find("warning", "the weights inside eval_weights() are not finite", "what the referee evaluates is NaN")
    session.model.train()
    set_random_state(streams)
    if changed := changed_weights(weights, session.weights()):
        advice = "keep a copy of the training weights and put that back: arithmetic there and back is not exact"
        report.find("error", f"eval_weights() does not restore the weights: {some(changed)}", advice)
    if changed := compare(state, everything(submission)):
        report.find("error", f"eval_weights() changes the training state: {some(changed)}", "an evaluation may leave no trace")


def through_a_file(submission: Submission) -> dict[str, Any]:
    """Returns a copy of all state of a submission."""
    return _through_a_file({"submission": everything(submission)})["submission"]


def resumes(session: Session, folder: Path, hp: Mapping[str, Any], report: Report) -> bool:
    """Finds what a checkpoint loses: a fresh object that loads the state must go on bit for bit. Returns whether it does."""
    state, streams = _through_a_file(submission_state(session.submission)), random_state()
    fresh = begin(load_submission(folder), hp)
    copy_weights(session.model, fresh.model)
    restore_submission(fresh.submission, state)
    fresh.stream.load_state_dict(session.stream.state_dict())
    if lost := not_restored(session.submission, fresh.submission):
        what = f"a trial that goes on after {session.steps} steps is not the same: {some(lost)}"
        report.find("error", what, "what state_dict returns must be taken back in full, and nothing left out")
        return False
    ends = []
    for one in (session, fresh):
        set_random_state(streams)
        one.advance(MORE_STEPS)
        one.evaluate()
        one.advance(MORE_STEPS)
        ends.append(one.weights())
    if changed := changed_weights(ends[0], ends[1]):
        what = f"resumed from its saved state it goes on differently: {some(changed)} after {2 * MORE_STEPS} steps"
        advice = "something is not in the state: an iterator of a module, or random numbers from elsewhere"
        report.find("error", what, advice)
    return not changed


def _through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = write_readable_state(state)
    try:
        return read(state, path_of(file))
    finally:
        os.close(file)


def corners(kind: type[Submission], folder: Path, hp: Mapping[str, Any], report: Report) -> None:
    """Finds ends of the search space at which training blows up within a few steps."""
    space = read_space(folder)
    axes = space.axes
    ends = {axis.name: axis.values or (axis.accept(axis.low, ""), axis.accept(axis.high, "")) for axis in axes}
    points = [dict(zip(ends, values, strict=True)) for values in itertools.islice(itertools.product(*ends.values()), MAX_CORNERS + 1)]
    if space.listed:
        points = [dict(point) for point in space.listed]
    elif len(points) > MAX_CORNERS:
        points = [{name: value} for name, values in ends.items() for value in values]
    broken: dict[str, list[str]] = {}
    for point in points:
        named = " ".join(f"{name}={value}" for name, value in point.items())
        report.write(stage=f"steps with {named}")
        try:
            session = begin(kind, {**hp, **point})
            session.advance(STEPS)
            why = "" if session.is_finite() else "gives weights that are not finite"
        except Exception as error:
            why = f"raises {type(error).__name__}: {str(error)[:150]}{_place(error)[1]}"
        if why:
            broken.setdefault(why, []).append(named)
    for why, where in broken.items():
        what = f"a corner of the search space {why}: {where[0]} ({len(where)} of {len(points)} do)"
        report.find("warning", what, "a trial there would be lost: narrow the range, or mend it")


def _zero(model: nn.Module, batch: Batch) -> Tensor:
    return 0 * F.cross_entropy(model(*batch.inputs), batch.targets, reduction="none")


def _only_the_head(model: nn.Module, batch: Batch) -> Tensor:
    assert isinstance(model, Net)
    return F.cross_entropy(model.head(model.features(*batch.inputs).detach()), batch.targets, reduction="none")


def _place(error: BaseException) -> tuple[int, str]:
    """Returns the line of the submission at which an error arose (0: none), and " in its function"."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == "submission.py"]
    own = [frame for frame in frames if Path(frame.filename).parent.name != "harness"]
    return (own[-1].lineno or 0, f" in {own[-1].name}") if own else (0, "")


def main() -> None:
    """Runs everything; the report's last line says that it came to the end."""
    torch.set_num_threads(1)
    report = Report(int(sys.argv[2]))
    with suppress(CheckAborted):
        rehearse(Path(sys.argv[1]), json.loads(sys.argv[3]), report)
    report.write(finished=True)


if __name__ == "__main__":
    main()
