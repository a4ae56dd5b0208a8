"""The referee: the process that holds the clock, the held-out data and the record, and starts the runner.

`Referee._protocol` is a trial from its start to its verdict; what waits for the runner is in `harness.trial.session`.
"""

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from harness.base.files import file_sha256
from harness.data import prepare
from harness.errors import UserError
from harness.ledger.lock import TrialLock
from harness.ledger.record import Record, read_record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.machine.hardware import this_machine, versions
from harness.machine.probe import probe
from harness.project.plugins import load_workload
from harness.trial.callback import StopRule, TrialCallback, never_stop
from harness.trial.checkpoint import STATE, WEIGHTS, Checkpoint, Position, files_to_restore, state_of
from harness.trial.clock import Clock, Reading
from harness.trial.coordinator import MEMORY_SHARE, NodeCoordinator
from harness.trial.evaluator import Evaluator
from harness.trial.folder import TrialFolder
from harness.trial.gpu_watch import GpuWatch
from harness.trial.memory_file import HandedIn, must_be_in_memory, must_be_sealed, path_of
from harness.trial.messages import Paused, Task
from harness.trial.pacing import spacing_s
from harness.trial.processes import adopt_orphans
from harness.trial.runner_process import RunnerProcess
from harness.trial.sandbox import Mounts, build, choose
from harness.trial.session import BudgetUsedUp, Session, Timeouts, TrialEnded
from harness.workload import Evaluation


def run_trial(
    spec: TrialSpec,
    path: Path,
    cache: Path,
    callback: TrialCallback,
    timeouts: Timeouts | None = None,
    stop_rule: StopRule = never_stop,
    nodes: NodeCoordinator | None = None,
) -> Record:
    """Runs a trial in its folder of the ledger, from the start or from its last checkpoint, and returns its record.

    A trial whose record is a result is not run again; one that crashed, ran out of memory, timed out or was stopped goes on from its last
    checkpoint. On Ctrl-C the runner dies and the trial can be taken up later.

    Raises:
        UserError: the folder or the data cache cannot be written or has lost a file, or the folder holds another trial.
        LockHeld: another process runs this trial.
    """
    folder = TrialFolder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TrialLock(path) as lock:
            record = read_record(path)
            if record is not None:
                folder.must_be(spec)
            if record is None or record.may_go_on:
                folder.reopen()
                record = Referee(spec, folder, cache, callback, timeouts or Timeouts(), lock, stop_rule, nodes or NodeCoordinator()).run()
    except FileNotFoundError as error:
        again = "put it back; the same command goes on from the last checkpoint"
        raise UserError(f"{path} cannot go on, since something is not there ({error.filename or error}): {again}") from error
    except OSError as error:
        again = "make room or choose another out=; the same command goes on from the last checkpoint"
        raise UserError(f"{path} cannot be written ({error.strerror}): {again}") from error
    callback.on_end(record, path)
    return record


class Referee:
    """One trial being run."""

    def __init__(
        self,
        spec: TrialSpec,
        folder: TrialFolder,
        cache: Path,
        callback: TrialCallback,
        timeouts: Timeouts,
        lock: TrialLock,
        stop_rule: StopRule,
        nodes: NodeCoordinator,
    ) -> None:
        self.spec, self.folder, self.cache, self.callback, self.timeouts, self.lock = spec, folder, cache, callback, timeouts, lock
        self.stop_rule, self.nodes, self.ranks = stop_rule, nodes, spec.workload.ranks
        self.rows: list[Row] = []
        self.weights_sha256: str | None = None
        self.step = self.examples = self.host_memory_bytes = self.device_memory_bytes = 0
        self.cpu_clock = "partial"

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
        self.callback.on_start(self.spec)
        if checkpoint is None and (why := self.stop_rule(self.spec, None)):
            self.clock = Clock(lambda: 0.0)
            return self._close(TrialEnded("stopped", f"not started: {why}"), mode)
        mounts = Mounts.of(workload, Path(self.spec.workload_path), source=self.folder.source, data=data)
        sandbox = build(mode, mounts, alone=self.nodes.count == 1)
        layout = self.nodes.start_ranks(self.folder.path, self.ranks, checkpoint.folder if checkpoint else None, machine)
        memory_bytes = int(MEMORY_SHARE * machine.memory_bytes)
        with RunnerProcess(sandbox, self.folder.log, self.spec.workload.threads, layout.local_ranks) as runner:
            self.clock, self.cpu_clock = Clock(runner.tree.cpu_s), runner.cpu_clock
            self.session = Session(
                spec=self.spec,
                runner=runner,
                clock=self.clock,
                timeouts=self.timeouts,
                lock=self.lock,
                callback=self.callback,
                nodes=self.nodes,
                memory_bytes=memory_bytes,
                gpus=GpuWatch() if machine.accelerators else None,
            )
            try:
                task = Task.of(self.spec, sandbox.mounts, runner.scratch, memory_bytes, layout, checkpoint is not None)
                with files_to_restore(checkpoint.folder if checkpoint else None, range(layout.local_ranks)) as descriptors:
                    listener = [self.nodes.listener.fileno()] if self.nodes.listener else []
                    self.session.send(task, [runner.step_counter, *listener, *descriptors])
                self.evaluator = Evaluator(workload, data)
                self._protocol(checkpoint)
            except BudgetUsedUp as end:
                ended = self._budget_used_up(end.answered)
            except HandedIn as error:
                ended = TrialEnded("rejected", f"what was handed in cannot be taken: {error}")
            except TrialEnded as end:
                ended = end
            self.clock.stop("evaluation")
        return self._close(ended, sandbox.mode)

    def _protocol(self, checkpoint: Checkpoint | None) -> NoReturn:
        """Runs the trial until something raises TrialEnded."""
        ready = self.session.wait_ready()
        self.spacing_s = spacing_s(ready.pass_s, self.spec)
        self._begin(checkpoint)
        self.session.resume()
        if checkpoint is not None:
            self._must_be_restored(self.session.wait_paused(), checkpoint)
        while True:
            paused = self.session.wait_paused()
            self._must_be_due(paused)
            self.step, self.examples = paused.step, paused.examples
            self.device_memory_bytes = max(self.device_memory_bytes, paused.device_memory_bytes)
            self.host_memory_bytes = max(self.host_memory_bytes, self.session.host_memory_bytes)
            if paused.purpose == "evaluation":
                self._evaluation(paused.done)
            else:
                self._checkpoint()

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        """Sets the clock to where the trial goes on, and drops the rows that are about to be made again.

        What the runner did until it failed by itself stays on the clock, whatever is left of it; what machine or referee cut off does not.
        """
        reading = self.folder.failed_at() or Reading()
        evaluations = 0
        if checkpoint is not None:
            position = checkpoint.position
            self.step, self.examples, evaluations = position.step, position.examples, position.evaluations
            self.host_memory_bytes, self.device_memory_bytes = position.host_memory_bytes, position.device_memory_bytes
            reading = max(reading, position.reading, key=lambda r: r.time_s)
        self.clock.go_on_from(reading)
        self.session.begin_at(reading.time_s)
        self.rows = self.folder.begin_segment(self.machine, self.probe, evaluations, reading.time_s)

    def _must_be_restored(self, paused: Paused, checkpoint: Checkpoint) -> None:
        """Ends the trial when what the runner restored is not the checkpoint; lets it go on otherwise."""
        [weights] = self.session.take_descriptors(1)
        try:
            must_be_sealed(weights, "restored weights")  # defence: restored weights are sealed
            # defence: restored weights are the checkpoint's
            if paused.purpose != "restored" or file_sha256(path_of(weights)) != file_sha256(checkpoint.folder / WEIGHTS):
                raise TrialEnded("rejected", "after going on from a checkpoint the weights were not those of the checkpoint")
        finally:
            os.close(weights)
        self.session.resume()

    def _checkpoint(self) -> None:
        """Copies weights and states to disk."""
        files = {state_of(rank): state for rank, state in self.session.take_checkpoint().items()}
        try:
            files[WEIGHTS], files[STATE] = self.session.take_descriptors(2)
            for name, descriptor in files.items():
                must_be_sealed(descriptor, name)  # defence: a state is sealed
                must_be_in_memory(descriptor, name)
            with self.nodes.rank_states(self.timeouts.answer_s) as others:
                position = Position(
                    step=self.step,
                    examples=self.examples,
                    evaluations=len(self.rows),
                    reading=self.clock.read(),
                    host_memory_bytes=self.host_memory_bytes,
                    device_memory_bytes=self.device_memory_bytes,
                )
                paths = {name: Path(path_of(descriptor)) for name, descriptor in files.items()}
                self.folder.checkpoints.store({**paths, **others}, position)
        finally:
            for descriptor in files.values():
                os.close(descriptor)
        self.callback.on_checkpoint()
        self.session.resume()

    def _evaluation(self, last: bool) -> None:
        """Evaluates the weights that were handed in and lets training go on.

        Raises:
            TrialEnded: both targets are met, training has diverged, or this was the `last` one.
        """
        [weights] = self.session.take_descriptors(1)
        try:
            evaluation, test_metric = self._evaluate(weights)
        finally:
            os.close(weights)
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
        self.callback.on_evaluation(row)
        if self.weights_sha256 is not None:
            raise TrialEnded(
                "reached", f"{self.spec.workload.metric} {row.valid_metric:.4g} after {self.step} steps and {row.time_s:.1f} s"
            )
        if len(self.rows) > 1 and not any(math.isfinite(r.valid_metric) and math.isfinite(r.valid_loss) for r in self.rows[-2:]):
            reason = f"loss or metric was not finite in the evaluations at steps {self.rows[-2].step} and {self.step}"
            raise TrialEnded("diverged", reason)
        if last:
            raise TrialEnded("missed", f"the submission was done after {self.step} steps; {self._best_in_words()}")
        if why := self.stop_rule(self.spec, row):
            raise TrialEnded("stopped", why)
        self.session.resume(evaluation)

    def _evaluate(self, weights: int) -> tuple[Evaluation, float | None]:
        """Returns the validation result, and the test metric if the target is reached; weights that reach it are kept."""
        size, expected = must_be_sealed(weights, "weights"), self.evaluator.weights_bytes
        try:
            # defence: weights that are too large are not read
            if size > 2 * expected:  # not worth reading for the sake of a better message
                raise ValueError(f"{size} bytes were handed in, the model has {expected}")
            self.evaluator.load(path_of(weights))
            if size != expected:  # defence: weights are of the model's size
                raise ValueError(f"{size} bytes were handed in, the model has {expected}")
        except Exception as error:
            raise TrialEnded("rejected", f"the weights handed in are not those of the workload's model: {error}") from None
        try:
            evaluation = self.evaluator.valid()
            met = self.spec.workload.valid_reached(evaluation.metric) and math.isfinite(evaluation.loss)
            test_metric = self.evaluator.test().metric if met else None
        except Exception as error:
            raise TrialEnded("stopped", f"the evaluation itself failed, not the submission: {type(error).__name__}: {error}") from error
        if self.spec.workload.reached(evaluation.metric, test_metric):
            self.weights_sha256 = self.folder.keep_weights(path_of(weights))
        return evaluation, test_metric

    def _must_be_due(self, paused: Paused) -> None:
        """Ends the trial when it pauses for something that is not due: evaluated more often, chance would reach the target sooner."""
        place = f"at step {paused.step} with {paused.examples} examples taken"
        if paused.purpose == "restored" or paused.step < self.step or paused.examples < self.examples:  # defence: a pause goes forwards
            raise TrialEnded("rejected", f"it paused {place} for '{paused.purpose}', after step {self.step} with {self.examples}")
        if paused.purpose == "checkpoint":
            return
        last = self.rows[-1] if self.rows else None
        if last is None:
            due, forward, early_s = 0, paused.step == 0, 0.0
        else:
            every = self.spec.evaluate_every
            due, forward = (last.examples // every + 1) * every, paused.step > last.step
            early_s = last.time_s + self.spacing_s - self.clock.time_s
        if not forward or ((paused.examples < due or early_s > 0) and not paused.done):  # defence: an evaluation is due
            when = f" and {early_s:.3g} s later" if early_s > 0 else ""
            raise TrialEnded("rejected", f"an evaluation was asked for {place}; the next is due at {due}{when}")

    def _budget_used_up(self, answered: bool) -> TrialEnded:
        self.step = max(self.step, self.session.runner.steps())
        used_up = f"the budget of {self.spec.budget_s:g} s was used up after {self.step} steps"
        if answered:
            return TrialEnded("missed", f"{used_up}; {self._best_in_words()}")
        return TrialEnded("timed_out", f"{used_up}, and the runner did not answer within {self.timeouts.answer_s:g} s of it")

    def _best(self, column: str = "valid_metric") -> float | None:
        values = (getattr(row, column) for row in self.rows)
        return self.spec.workload.direction.best(value for value in values if value is not None)

    def _best_in_words(self) -> str:
        best, test, workload = self._best(), self._best("test_metric"), self.spec.workload
        if best is None:
            return "no evaluation was made"
        tested = "" if test is None else f", and on the test split {test:.4g}, target {workload.test_target:g}"
        return f"best {workload.metric} {best:.4g}, target {workload.target:g}{tested}"

    def _close(self, ended: TrialEnded, sandbox: str) -> Record:
        self.lock.heartbeat()
        record = self._record(ended, sandbox)
        self.folder.close(record)
        return record

    def _record(self, ended: TrialEnded, sandbox: str) -> Record:
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
            cpu_clock=self.cpu_clock if self.nodes.count == 1 else "partial",
            **self.folder.hashes(),
            **asdict(reading),
        )
