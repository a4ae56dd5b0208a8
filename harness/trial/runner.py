"""The runner: the process in which the submission trains. Started by the referee, to whom it hands weights and never a time.

Read from `main` downwards: build everything, say Ready, then train, and stop at every evaluation that falls due.
"""

import copy
import gc
import math
import mmap
import os
import random
import resource
import socket
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.base.seeds import component_seed
from harness.project.plugins import load_submission, load_workload
from harness.stream import Stream
from harness.submission import StateError, Submission, SubmissionContext, WorkloadInfo, checked_batch_size, checked_done
from harness.trial.checkpoint import load_state, load_weights, random_state, set_random_state
from harness.trial.guard import Guard, RuleBroken
from harness.trial.hand_in import write_weights
from harness.trial.memory_file import memory_file, path_of
from harness.trial.messages import (
    MAX_REASON,
    Channel,
    Checkpoint,
    Failed,
    FromReferee,
    FromRunner,
    Paused,
    Purpose,
    RankState,
    Ready,
    Resume,
    Stop,
    Task,
)
from harness.trial.pacing import spacing_s
from harness.trial.processes import die_with_parent
from harness.trial.ranks import Ranks, fork
from harness.trial.read_back import ReadBack, restore_submission, submission_state, write_readable_state
from harness.workload import Workload

MAX_FILE_BYTES = 64 << 30
CAUSE_FIRST_S = 1.0
"""When one rank dies, the collectives of the others fail. A rank waits this long before it reports an error of torch, so that the report
of the rank that died comes first."""
MEETING_PERIOD_S = 1.0
MAX_PASSES, PASSES_S = 20, 0.3
"""How many passes the warm-up makes at most, and after how many seconds it makes no more than three."""
_synchronise = torch.cuda.synchronize


class Stopped(Exception):
    """The referee said Stop."""


class Runner:
    """The training loop of one trial, in each of its ranks."""

    def __init__(self, channel: Channel[FromReferee], task: Task, ranks: Ranks, counter: int, checkpoint: list[int]) -> None:
        self.channel = channel
        self.ranks, rank = ranks, ranks.rank
        self.spec = task.spec
        self.source = Path(task.source)
        self.step_counter = mmap.mmap(counter if rank == 0 else -1, mmap.PAGESIZE)
        self.restored = (checkpoint[0], checkpoint[1 + rank - task.layout.first_rank]) if task.restore else None
        self.device = torch.device("cuda", self.ranks.local_rank) if torch.cuda.is_available() else torch.device("cpu")
        self.step = 0
        self.resumed_at = (0.0, time.monotonic())
        self.evaluated_s = 0.0
        self.checkpoint_wanted = False
        self.read_back = ReadBack()
        self.next_meeting = 0
        self.build(Path(task.workload), Path(task.data))

    def build(self, workload: Path, data: Path) -> None:
        """Makes data, model and stream, and warms up. Off the clock, before any code of the submission runs."""
        spec, ranks = self.spec, self.ranks
        self.workload = load_workload(workload, spec.workload)
        seed_everything(component_seed(spec.seed, "model"))
        self.model = self.workload.build_model().to(self.device).train()
        training_data = self.workload.load(data, "train")
        batch_size = spec.workload.reference_batch
        seed = component_seed(spec.seed, "data")
        self.stream = Stream(self.workload, training_data, batch_size, seed, self.device, ranks.rank, ranks.world_size)
        self.pass_s = warm_up(self.workload, self.model, training_data, batch_size // ranks.world_size, self.device)
        self.spacing_s = spacing_s(self.pass_s, spec)
        self.network = ranks.wrap(self.model)
        os.close(write_weights(self.model))
        self.guard = Guard(self.model, self.workload)
        self.seed_training()
        freeze_garbage_collector()
        ranks.gather(None)

    def make_submission(self, model: nn.Module, network: nn.Module) -> Submission:
        """Imports the submission, makes it and has it set up for a model, and the network that shares its parameters."""
        spec = self.spec
        facts = WorkloadInfo.of(spec.workload, spec.evaluate_every, self.stream.num_samples)
        setting = SubmissionContext(
            model=model,
            hp=SimpleNamespace(**copy.deepcopy(dict(spec.hp))),
            workload=facts,
            roles=MappingProxyType(self.workload.roles(model)),
            losses=lambda batch: self.workload.losses(network, batch),
            generator=torch.Generator().manual_seed(component_seed(spec.seed, "submission")),
            device=self.device,
            clock=self.elapsed_s,
            rank=self.ranks.rank,
            world_size=self.ranks.world_size,
            process_group=self.ranks.process_group,
            no_sync=self.ranks.no_sync,
            stream=self.stream,
        )
        submission: Submission = load_submission(self.source, copied=True)(setting)
        batch_size = checked_batch_size(submission, facts)
        if batch_size % self.ranks.world_size:
            raise ValueError(f"batch_size() is {batch_size}, which cannot be dealt evenly to {self.ranks.world_size} ranks")
        if model is self.model:
            self.stream.batch_size = batch_size
        submission.setup()
        return submission

    def make_twin(self) -> Submission:
        """Makes the submission once more, as a process does that goes on, with a model of its own."""
        seed_everything(component_seed(self.spec.seed, "model"))
        model = self.workload.build_model().to(self.device).train()
        self.seed_training()
        return self.make_submission(model, model)

    def seed_training(self) -> None:
        """Seeds the streams that training draws from, anew in each rank."""
        rank = self.ranks.rank
        seed_everything(component_seed(self.spec.seed, f"dropout {rank}" if rank else "dropout"))

    def restore(self, weights: int, state_file: int) -> None:
        """Goes back to a checkpoint, given as descriptors, and hands its weights in again as proof. On the clock, as all of this is."""
        load_weights(self.model, path_of(weights))
        state = load_state(path_of(state_file))
        self.model.load_state_dict(state["buffers"], strict=False)
        restore_submission(self.submission, state)
        self.stream.load_state_dict(state["stream"])
        self.step, self.evaluated_s = state["step"], state["evaluated_s"]
        set_random_state(state["random"])
        self.pause("restored", [self.write_weights()])

    def train(self) -> None:
        """Trains until the referee says Stop."""
        self.say(Ready(pass_s=self.pass_s))
        self.wait()
        self.submission = self.make_submission(self.model, self.network)
        if self.restored is not None:
            self.restore(*self.restored)
        else:
            self.evaluate(checked_done(self.submission))
        every = self.spec.evaluate_every
        due = (self.stream.examples // every + 1) * every
        submission, stream, step_counter = self.submission, self.stream, self.step_counter
        while True:
            self.look_for_messages()
            if self.checkpoint_wanted:
                self.checkpoint()
            submission.step(submission.select(stream))
            self.step += 1
            struct.pack_into("<q", step_counter, 0, self.step)
            if (done := checked_done(submission)) or stream.examples >= due:
                if done or self.may_be_evaluated():
                    self.evaluate(done)
                due = (stream.examples // every + 1) * every

    def evaluate(self, done: bool) -> None:
        """Has the weights evaluated that the submission wants to be evaluated; leaves no trace in training."""
        self.synchronise()
        self.guard.check()  # defence: the guard looks before an evaluation
        before = random_state()
        with self.submission.eval_weights():
            resume = self.pause("evaluation", [self.write_weights()], done)
        self.evaluated_s = resume.time_s
        self.model.train()
        set_random_state(before)
        if resume.evaluation is not None:
            self.submission.on_eval(resume.evaluation)

    def checkpoint(self) -> None:
        """Hands in the whole state, once it is sure that it brings the same trial back."""
        self.checkpoint_wanted = False
        self.guard.check()
        state = {
            "buffers": self.own_weights(),
            **submission_state(self.submission),
            "stream": self.stream.state_dict(),
            "random": random_state(),
            "step": self.step,
            "evaluated_s": self.evaluated_s,
        }
        state_file = write_readable_state(state)
        if any(self.ranks.gather(self.read_back.is_due(self.submission, state))):
            self.read_back.prove(self.submission, state, state_file, self.make_twin)
        if self.ranks.rank != 0:
            self.channel.send(RankState(rank=self.ranks.rank), [state_file])
        self.pause("checkpoint", [self.write_weights(), state_file])

    def own_weights(self) -> dict[str, torch.Tensor]:
        """Returns what of a rank's model is not in the file with the weights: buffers, and parameters, which may differ from rank 0's."""
        if self.ranks.world_size == 1:
            return {}
        return dict(self.model.state_dict() if self.ranks.rank else self.model.named_buffers())

    def write_weights(self) -> int:
        """Returns a sealed file with the model as rank 0 has it; of buffers such as BatchNorm's running statistics, the mean over ranks.

        Ranks other than 0 get an empty file.
        """
        means = self.ranks.mean_of_buffers(self.model)
        return write_weights(self.model, means) if self.ranks.rank == 0 else memory_file("empty")

    def pause(self, purpose: Purpose, descriptors: list[int], done: bool = False) -> Resume:
        """Hands files in and stands until the referee says Resume. What was written was written with the clock running."""
        self.synchronise()
        memory = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        mine = (self.step, self.stream.examples, done)
        stands, memories = zip(*self.ranks.gather((mine, memory)), strict=True)
        if len(set(stands)) > 1:
            raise ValueError(f"the ranks do not agree on (step, examples, done()): {', '.join(map(str, stands))}")
        paused = Paused(purpose=purpose, step=self.step, examples=self.stream.examples, device_memory_bytes=max(memories), done=done)
        self.say(paused, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return self.wait()

    def wait(self) -> Resume:
        """Waits for the referee's Resume."""
        while True:
            message: FromReferee = self.ranks.from_first(self.channel.receive() if self.ranks.rank == 0 else None)
            self.take(message)
            if isinstance(message, Resume):
                self.resumed_at = (message.time_s, time.monotonic())
                return message

    def look_for_messages(self) -> None:
        """Takes what the referee has sent meanwhile. Several ranks meet for that about once a second, not at every step."""
        if self.ranks.world_size == 1:
            if (message := self.channel.receive(timeout_s=0)) is not None:
                self.take(message)
            return
        if self.step < self.next_meeting:
            return
        step_s = self.elapsed_s() / max(self.step, 1)
        message = self.channel.receive(timeout_s=0) if self.ranks.rank == 0 else None
        message, steps = self.ranks.from_first((message, max(1, round(MEETING_PERIOD_S / step_s))))
        self.next_meeting = self.step + steps
        if message is not None:
            self.take(message)

    def take(self, message: FromReferee) -> None:
        """Obeys a message that may come at any time."""
        if isinstance(message, Stop):
            raise Stopped
        if isinstance(message, Checkpoint):
            self.checkpoint_wanted = True

    def may_be_evaluated(self) -> bool:
        """Whether enough time has passed since the last evaluation (`harness.trial.pacing`); the same on all ranks."""
        return bool(self.ranks.from_first(self.elapsed_s() - self.evaluated_s >= self.spacing_s))

    def elapsed_s(self) -> float:
        """Returns a copy of the referee's clock: never ahead of it, and brought up to date at every Resume."""
        time_s, since = self.resumed_at
        return time_s + time.monotonic() - since

    def say(self, message: FromRunner, descriptors: Sequence[int] = ()) -> None:
        """Tells the referee, once for all ranks."""
        if self.ranks.rank == 0:
            self.channel.send(message, descriptors)

    def synchronise(self) -> None:
        """Waits for the device, so that all work that was asked for is on the clock."""
        if self.device.type == "cuda":
            _synchronise()


def warm_up(workload: Workload, model: nn.Module, data: Any, batch_size: int, device: torch.device) -> float:
    """Steps of a copy of the model, so that first-call costs of the libraries are off everybody's clock.

    Returns:
        The seconds of the fastest forward and backward pass.
    """
    model = copy.deepcopy(model)
    ids = torch.arange(batch_size) % len(data)
    batch = workload.batch(data, ids, None).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    fastest_s, began = math.inf, time.perf_counter()
    for number in range(MAX_PASSES):
        started = time.perf_counter()
        optimizer.zero_grad()
        workload.losses(model, batch).mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number > 0:
            fastest_s = min(fastest_s, time.perf_counter() - started)
        else:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        if number >= 2 and time.perf_counter() - began > PASSES_S:
            break
    return fastest_s


def freeze_garbage_collector() -> None:
    """Collects garbage once and exempts all that is left (`gc.freeze`): a full collection takes up to 0.3 s, and would be on the clock."""
    gc.collect()
    gc.freeze()
    gc.enable()


def seed_everything(seed: int) -> None:
    """Seeds the global generators of Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def explain(error: BaseException) -> Failed:
    """Returns the message for an exception that ended the runner: what, and where in the submission."""
    if isinstance(error, RuleBroken):
        return Failed(verdict="rejected", reason=str(error)[:MAX_REASON])
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).name == "submission.py":
            place = f" at {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[0][:500] + place
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return Failed(verdict="out_of_memory", reason=reason)
    return Failed(verdict="crashed", reason=f"the state cannot be saved: {error}"[:MAX_REASON] if isinstance(error, StateError) else reason)


def set_limits(memory_bytes: int) -> None:
    """Bounds what this process and each of its children may take: memory, the size of a file, no core dumps; nothing can raise them again.

    When the machine's memory runs out all the same, the system shall kill this process and not the referee.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))  # defence: memory is limited in the process
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))  # defence: the size of a file is limited
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> None:
    """Runs the trial that the referee describes over the inherited socket, whose descriptor is the one argument."""
    die_with_parent()
    channel: Channel[FromReferee] = Channel(socket.socket(fileno=int(sys.argv[1])), FromReferee)
    task = channel.receive()
    assert isinstance(task, Task), task
    layout, restored = task.layout, 1 + task.layout.local_ranks if task.restore else 0
    counter, *others = channel.take_descriptors(1 + layout.listens + restored)
    listener, checkpoint = (others[0], others[1:]) if layout.listens else (None, others)
    try:
        set_limits(task.memory_bytes)
        os.chdir(task.scratch)
        threads = task.spec.workload.threads
        ranks = fork(layout, threads, listener, channel.send)
        torch.set_num_threads(threads)
        Runner(channel, task, ranks, counter, checkpoint).train()
    except (Stopped, EOFError, BrokenPipeError):
        pass
    except BaseException as error:
        traceback.print_exc()
        if isinstance(error, RuntimeError) and layout.ranks > 1:
            time.sleep(CAUSE_FIRST_S)
        channel.send(explain(error))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
