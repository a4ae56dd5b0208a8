"""The referee: the process that holds the clock, the held-out data and the record, and starts the runner.

`_course` is a trial from its start to its verdict, `_evaluation` what happens each time that an evaluation falls due.
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from harness.data import prepare
from harness.errors import UserError
from harness.hardware import this_machine, versions
from harness.plugins import load_workload
from harness.trial.checkpoint import WEIGHTS, Checkpoint, HandedIn, Position, hash_handed_in, most_bytes, sha256
from harness.trial.clock import Clock
from harness.trial.evaluator import Evaluator
from harness.trial.folder import TrialFolder
from harness.trial.messages import Failed, Message, Paused, ProtocolError, Ready, Resume, Stop, Swapped, Task, Written
from harness.trial.nodes import MEMORY_SHARE, Nodes
from harness.trial.owner import Owner
from harness.trial.probe import probe
from harness.trial.processes import StillRunning, adopt_orphans
from harness.trial.record import RESUMABLE, Record, Row, Verdict, read_record
from harness.trial.runner_process import PENDING, RESTORED, SWAPPED, RunnerProcess
from harness.trial.sandbox import View, build, choose
from harness.trial.spec import TrialSpec
from harness.trial.watcher import Race, Watcher, alone
from harness.workload import Evaluation

TICK_S = 0.5
WATCH_S = 2.0
WRITE_S, WRITE_BYTES_PER_S = 0.05, 2e8
"""CPU seconds that writing files may take a runner off the clock: so many, and one more for each so many bytes."""
RESTORE_FACTOR, RESTORE_S = 1.25, 1.0
"""The same for setting up again on a resume: so many times what the first set-up took, and so many seconds more."""
RAN_ON_S = 0.05
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Patience:
    """How long the referee waits for a runner off the clock, in seconds."""

    startup_s: float = 900.0
    write_s: float = 600.0
    answer_s: float = 10.0


class Ended(Exception):
    """The trial is over."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason


def run_trial(
    spec: TrialSpec,
    path: Path,
    cache: Path,
    watcher: Watcher,
    patience: Patience | None = None,
    race: Race = alone,
    nodes: Nodes | None = None,
) -> Record:
    """Runs a trial in its folder of the ledger, from the start or from its last checkpoint, and returns its record.

    A trial whose record is a result is not run again; one that crashed, ran out of memory, timed out or was stopped goes on from its last
    checkpoint. On Ctrl-C the runner dies and the trial can be taken up later.

    Raises:
        UserError: the folder or the data cache cannot be written or has lost a file, or the folder holds another trial.
        Taken: another process runs this trial.
    """
    folder = TrialFolder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with Owner(path) as owner:
            record = read_record(path)
            if record is not None:
                folder.must_be(spec)
            if record is None or record.verdict in RESUMABLE:
                folder.reopen()
                record = Referee(spec, folder, cache, watcher, patience or Patience(), owner, race, nodes or Nodes()).run()
    except FileNotFoundError as error:
        again = "put it back; the same command goes on from the last checkpoint"
        raise UserError(f"{path} cannot go on, since something is not there ({error.filename or error}): {again}") from error
    except OSError as error:
        again = "make room or choose another out=; the same command goes on from the last checkpoint"
        raise UserError(f"{path} cannot be written ({error.strerror}): {again}") from error
    watcher.ended(record, path)
    return record


class Referee:
    """One trial being run."""

    def __init__(
        self,
        spec: TrialSpec,
        folder: TrialFolder,
        cache: Path,
        watcher: Watcher,
        patience: Patience,
        owner: Owner,
        race: Race,
        nodes: Nodes,
    ) -> None:
        self.spec, self.folder, self.cache, self.watcher, self.patience, self.owner = spec, folder, cache, watcher, patience, owner
        self.race, self.nodes, self.ranks = race, nodes, spec.workload.ranks
        self.rows: list[Row] = []
        self.weights_sha256: str | None = None
        self.step = self.examples = self.host_memory_bytes = self.device_memory_bytes = 0
        self.weights_bytes = self.written_bytes = 0
        self.watched_s = self.cpu_at_freeze_s = 0.0

    def run(self) -> Record:
        """Runs the trial to its verdict; writes and returns the record."""
        mode = choose(self.spec.sandbox)
        adopt_orphans()
        self.machine = machine = this_machine()
        workload = load_workload(Path(self.spec.workload_path), self.spec.workload)
        data = prepare(workload, self.cache, self.spec.salt)
        self.folder.open(self.spec, machine)
        self.probe = probe(self.spec, machine)
        checkpoint = self.folder.checkpoints.latest()
        self.watcher.started(self.spec)
        if checkpoint is None and (why := self.race(self.spec, None)):
            self.clock = Clock(lambda: 0.0)
            return self._close(Ended("stopped", f"not started: {why}"), mode)
        view = View(
            source=self.folder.source,
            data=data,
            scratch=self.folder.scratch,
            checkpoint=checkpoint.folder if checkpoint else None,
            workload=Path(self.spec.workload_path),
            veiled=workload.veiled_files(),
        )
        sandbox = build(mode, view, self.cache, alone=self.nodes.count == 1)
        place = self.nodes.begin(self.folder.path, self.ranks, view.checkpoint, machine)
        with RunnerProcess(sandbox, self.folder.scratch, self.folder.log, self.spec.workload.threads) as self.runner:
            self.clock = Clock(self.runner.tree.cpu_s)
            try:
                self.memory_bytes = int(MEMORY_SHARE * machine.memory_bytes)
                self._send(Task.of(self.spec.to_json(), sandbox.view, self.memory_bytes, place))
                self.evaluator = Evaluator(workload, data)
                self._course(checkpoint)
            except (Ended, HandedIn) as end:
                self.clock.stop("evaluation")
                ended = end if isinstance(end, Ended) else Ended("rejected", f"what was handed in cannot be taken: {end}")
        return self._close(ended, sandbox.mode)

    def _course(self, checkpoint: Checkpoint | None) -> NoReturn:
        """Runs the trial until something raises Ended."""
        self._wait(Ready, self.patience.startup_s)
        rehearsed = self.folder.scratch / PENDING
        self.weights_bytes = (rehearsed / WEIGHTS).stat().st_size
        self.written_bytes = sum(path.stat().st_size for path in rehearsed.iterdir())
        if checkpoint is not None:
            self._go_back_to(checkpoint)
        else:
            self.rows = self.folder.begin_segment(self.machine, self.probe, 0, 0.0)
            self._resume(None)
        while True:
            paused = self._wait_on_clock(Paused)
            self._must_be_due(paused)
            self.step, self.examples = paused.step, paused.examples
            self.device_memory_bytes = max(self.device_memory_bytes, paused.device_memory_bytes)
            written = self._written(self._write_allowance_s())
            self._freeze()
            memory = self.host_memory_bytes, self.device_memory_bytes
            position = Position(self.step, self.examples, paused.done, self.clock.read(), *memory)
            saved = self.folder.checkpoints.accept(self.folder.scratch / PENDING, position, self.weights_bytes, self.ranks)
            self.written_bytes = sum(path.stat().st_size for path in saved.folder.iterdir())
            self._evaluation(saved.folder / WEIGHTS, written.swaps, last=paused.done)

    def _go_back_to(self, checkpoint: Checkpoint) -> None:
        """Takes the trial up at a checkpoint: its evaluation is made (again), and training goes on from there."""
        position = checkpoint.position
        self.step, self.examples = position.step, position.examples
        self.host_memory_bytes, self.device_memory_bytes = position.host_memory_bytes, position.device_memory_bytes
        self.clock.go_back_to(position.reading)
        self.rows = self.folder.begin_segment(self.machine, self.probe, position.step, position.reading.time_s)
        self.clock.stop("checkpoint")
        self._send(Resume(self.clock.time_s))
        set_up_s = self.rows[0].time_s if self.rows else position.reading.time_s
        written = self._written(RESTORE_S + RESTORE_FACTOR * set_up_s + self._write_allowance_s())
        self._freeze()
        if hash_handed_in(self.folder.scratch / RESTORED, most_bytes(self.weights_bytes)) != sha256(checkpoint.folder / WEIGHTS):
            raise Ended("rejected", "after going on from a checkpoint the weights were not those of the checkpoint")
        self._evaluation(checkpoint.folder / WEIGHTS, written.swaps, last=position.done)

    def _evaluation(self, weights: Path, swaps: bool, last: bool = False) -> None:
        """Evaluates the weights of a checkpoint, or those that the submission swaps in, and lets training go on.

        Raises:
            Ended: both targets are met, training has diverged, or this was the `last` one.
        """
        if swaps:
            self._resume(None)
            self._wait_on_clock(Swapped)
            self._written(self._write_allowance_s())
            self._freeze()
            weights = self.folder.scratch / SWAPPED
            hash_handed_in(weights, most_bytes(self.weights_bytes))
        self.clock.stop("evaluation")
        evaluation, test_metric = self._evaluate(weights)
        row = Row(
            evaluation=len(self.rows),
            step=self.step,
            examples=self.examples,
            valid_metric=evaluation.metric,
            valid_loss=evaluation.loss,
            test_metric=test_metric,
            host_memory_bytes=self.host_memory_bytes,
            device_memory_bytes=self.device_memory_bytes,
            **asdict(self.clock.read()),
        )
        self.rows.append(row)
        self.folder.append(row)
        self.watcher.evaluated(row)
        if self.spec.workload.met(evaluation.metric, test_metric):
            raise Ended("reached", f"{self.spec.workload.metric} {row.valid_metric:.4g} after {self.step} steps and {row.time_s:.1f} s")
        if len(self.rows) > 1 and not any(math.isfinite(r.valid_metric) and math.isfinite(r.valid_loss) for r in self.rows[-2:]):
            raise Ended("diverged", f"loss or metric was not finite in the evaluations at steps {self.rows[-2].step} and {self.step}")
        if last:
            raise Ended("missed", f"the submission was done after {self.step} steps; {self._best_in_words()}")
        if why := self.race(self.spec, row):
            raise Ended("stopped", why)
        self._resume(evaluation)

    def _evaluate(self, weights: Path) -> tuple[Evaluation, float | None]:
        """Returns the validation result, and the test metric if the validation target is met. Weights that meet both are kept."""
        try:
            self.evaluator.load(weights)
        except Exception as error:
            raise Ended("rejected", f"the weights handed in are not those of the workload's model: {error}") from None
        try:
            evaluation = self.evaluator.valid()
            met = self.spec.workload.valid_met(evaluation.metric) and math.isfinite(evaluation.loss)
            test_metric = self.evaluator.test().metric if met else None
        except Exception as error:
            raise Ended("crashed", f"the evaluation itself failed, not the submission: {type(error).__name__}: {error}") from error
        if self.spec.workload.met(evaluation.metric, test_metric):
            self.weights_sha256 = self.folder.keep_weights(weights)
        return evaluation, test_metric

    def _resume(self, evaluation: Evaluation | None) -> None:
        """Starts the clock and thaws the runner, after a look whether all of it stood still."""
        if self.cpu_at_freeze_s and self.runner.tree.cpu_s() > self.cpu_at_freeze_s + RAN_ON_S:
            raise Ended("rejected", "its processes ran on while the clock stood")
        self.clock.run()
        self.runner.tree.thaw()
        self._send(Resume(self.clock.time_s, evaluation))

    def _freeze(self) -> None:
        self.owner.beat()
        try:
            self.runner.tree.freeze()
        except StillRunning as error:
            raise Ended("rejected", f"while the clock stands nothing may run: {error}") from None
        self.cpu_at_freeze_s = self.runner.tree.cpu_s()
        self._watch()
        self.host_memory_bytes = max(self.host_memory_bytes, self.runner.tree.peak_memory_bytes())

    def _wait_on_clock(self, kind: type[M]) -> M:
        """Waits with the clock running and stops it when the message is there; ends the trial at the budget."""
        budget_s = self.spec.budget_s
        while (left_s := budget_s - self.clock.time_s) > 0:
            message = self._receive(min(left_s, TICK_S))
            if message is not None:
                self.clock.stop("checkpoint")
                if self.clock.time_s > budget_s:
                    break
                return self._of_kind(message, kind)
            self._watch()
            self.watcher.progress(self.runner.steps(), self.clock.time_s)
        self.clock.stop("evaluation")
        self.step = max(self.step, self.runner.steps())
        used_up = f"the budget of {budget_s:g} s was used up after {self.step} steps"
        self._send(Stop())
        if self.runner.wait_for_end(self.patience.answer_s):
            raise Ended("missed", f"{used_up}; {self._best_in_words()}")
        raise Ended("timed_out", f"{used_up}, and the runner did not answer within {self.patience.answer_s:g} s of it")

    def _wait(self, kind: type[M], limit_s: float) -> M:
        """Waits off the clock."""
        deadline = time.monotonic() + limit_s
        while (left_s := deadline - time.monotonic()) > 0:
            message = self._receive(min(left_s, TICK_S))
            if message is not None:
                return self._of_kind(message, kind)
            self._watch()
        raise Ended("timed_out", f"the runner did not say {kind.__name__} within {limit_s:g} s")

    def _written(self, allowance_s: float) -> Written:
        """Waits for files with the clock standing, but not for more CPU seconds of the runner than writing them can take: then it runs."""
        before_s, started = self.runner.tree.cpu_s(), time.monotonic()
        message = self._receive(allowance_s)
        while message is None:
            if self.runner.tree.cpu_s() > before_s + allowance_s:
                self.clock.run()
                return self._wait_on_clock(Written)
            if time.monotonic() > started + self.patience.write_s:
                raise Ended("timed_out", f"the runner did not say Written within {self.patience.write_s:g} s")
            self._watch()
            message = self._receive(min(allowance_s, TICK_S))
        return self._of_kind(message, Written)

    def _write_allowance_s(self) -> float:
        return self.ranks * WRITE_S + self.written_bytes / WRITE_BYTES_PER_S

    def _must_be_due(self, paused: Paused) -> None:
        """Ends the trial when an evaluation is asked for that is not due: seen more often, chance would meet the target sooner."""
        every = self.spec.evaluate_every
        due = (self.examples // every + 1) * every if self.rows else 0
        forward = paused.step > self.step if self.rows else paused.step == 0
        if not forward or paused.examples < self.examples or (paused.examples < due and not paused.done):
            place = f"step {paused.step} with {paused.examples} examples taken"
            raise Ended("rejected", f"an evaluation was asked for at {place}; the next is due at {due}, the last was at step {self.step}")

    def _watch(self) -> None:
        """Looks every few seconds at what the runner takes of the machine."""
        if time.monotonic() < self.watched_s + WATCH_S:
            return
        self.watched_s = time.monotonic()
        self.owner.beat()
        if failed := self.nodes.trouble():
            raise Ended(failed.verdict, failed.reason)
        if trouble := self.runner.memory_trouble(self.memory_bytes):
            raise Ended("out_of_memory", trouble)
        if trouble := self.runner.scratch_trouble():
            raise Ended("rejected", trouble)

    def _receive(self, timeout_s: float) -> Message | None:
        try:
            return self.runner.receive(timeout_s)
        except EOFError:
            self._runner_ended()
        except ProtocolError as error:
            raise Ended("rejected", f"the runner broke the protocol: {error}") from None

    def _of_kind(self, message: Message, kind: type[M]) -> M:
        if isinstance(message, Failed):
            failed = self.nodes.cause_of(message)
            raise Ended(failed.verdict, failed.reason)
        if not isinstance(message, kind):
            raise Ended("rejected", f"the runner said {type(message).__name__} where only {kind.__name__} may come")
        return message

    def _runner_ended(self) -> NoReturn:
        out_of_memory, how = self.runner.how_it_ended()
        raise Ended("out_of_memory" if out_of_memory else "crashed", how)

    def _send(self, message: Message) -> None:
        try:
            self.runner.channel.send(message)
        except OSError:
            self._runner_ended()

    def _best(self, column: str = "valid_metric") -> float | None:
        metrics = [value for row in self.rows if (value := getattr(row, column)) is not None and math.isfinite(value)]
        pick = min if self.spec.workload.direction == "minimize" else max
        return pick(metrics) if metrics else None

    def _best_in_words(self) -> str:
        best, test, workload = self._best(), self._best("test_metric"), self.spec.workload
        if best is None:
            return "no evaluation was made"
        tested = "" if test is None else f", and on the test split {test:.4g}, target {workload.test_target:g}"
        return f"best {workload.metric} {best:.4g}, target {workload.target:g}{tested}"

    def _close(self, ended: Ended, sandbox: str) -> Record:
        self.owner.beat()
        record = self._record(ended, sandbox)
        self.folder.close(record)
        return record

    def _record(self, ended: Ended, sandbox: str) -> Record:
        reading = self.clock.read()
        return Record.of(
            self.spec,
            verdict=ended.verdict,
            reason=" ".join(ended.reason.split()),
            reached=self.rows[-1] if ended.verdict == "reached" else None,
            last=self.rows[-1] if self.rows else None,
            best_metric=self._best(),
            steps=self.step,
            host_memory_bytes=self.host_memory_bytes,
            device_memory_bytes=self.device_memory_bytes,
            segments=self.folder.segments(reading.time_s),
            ranks=self.ranks,
            frozen_ranks=self.ranks // self.nodes.count,
            sandbox=sandbox,
            hardware=self.machine.fingerprint,
            versions=versions(),
            weights_sha256=self.weights_sha256,
            evals_sha256=self.folder.hash_rows(),
            **asdict(reading),
        )
