"""The runner: the process in which the submission trains. Started by the referee, to whom it hands weights and never a time.

Read from `main` downwards: build everything, say Ready, then train, and stop at every evaluation that falls due.
"""

import copy
import gc
import mmap
import os
import random
import resource
import socket
import struct
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.plugins import load_submission, load_workload
from harness.seeds import stream_seed
from harness.stream import Stream
from harness.submission import Setting, StateError, Submission, WorkloadFacts, overrides
from harness.trial.checkpoint import WEIGHTS, load_state, load_weights, random_state, save_state, save_weights, set_random_state, state_of
from harness.trial.guard import Guard, RuleBroken
from harness.trial.messages import Channel, Failed, Message, Paused, Ready, Resume, Stop, Swapped, Task, Written
from harness.trial.processes import die_with_parent
from harness.trial.ranks import Ranks, fork
from harness.trial.runner_process import PENDING, PROGRESS, RESTORED, SWAPPED
from harness.trial.spec import TrialSpec
from harness.workload import Workload

FILE_BYTES = 64 << 30
CAUSE_FIRST_S = 1.0
"""A rank keeps so long to itself what may only be the echo of another one's death."""


class Stopped(Exception):
    """The referee said Stop."""


class Runner:
    """The training loop of one trial, in each of its ranks."""

    def __init__(self, channel: Channel, task: Task, rank: int) -> None:
        self.channel = channel
        self.ranks = Ranks(rank, task.place.ranks)
        self.spec = TrialSpec.from_json(task.spec)
        self.source, self.scratch = Path(task.source), Path(task.scratch)
        self.resume_from = Path(task.checkpoint) if task.checkpoint else None
        self.device = torch.device("cuda", self.ranks.local_rank) if torch.cuda.is_available() else torch.device("cpu")
        self.step = 0
        self.resumed_at = (0.0, time.monotonic())
        self.progress = _shared_counter(self.scratch / PROGRESS) if rank == 0 else mmap.mmap(-1, 8)
        self.build(Path(task.workload), Path(task.data))

    def build(self, workload: Path, data: Path) -> None:
        """Makes data, model and stream, and warms up. Off the clock, before any code of the submission runs."""
        spec, ranks = self.spec, self.ranks
        self.workload = load_workload(workload, spec.workload)
        seed_everything(stream_seed(spec.seed, "model"))
        self.model = self.workload.build_model().to(self.device).train()
        training_data = self.workload.load(data, "train")
        batch_size = spec.workload.reference_batch
        seed = stream_seed(spec.seed, "data")
        self.stream = Stream(self.workload, training_data, batch_size, seed, self.device, ranks.rank, ranks.world_size)
        warm_up(self.workload, self.model, training_data, batch_size // ranks.world_size, self.device)
        self.network = ranks.wrap(self.model)
        if ranks.rank == 0:
            self.rehearse_writing()
        self.guard = Guard(self.model, self.workload)
        seed_everything(stream_seed(spec.seed, f"dropout {ranks.rank}" if ranks.rank else "dropout"))
        forget_what_was_made()
        ranks.gather(None)

    def rehearse_writing(self) -> None:
        """Writes a first checkpoint, so that the first one that counts is not slow; the referee learns from it how large they are."""
        folder = self.scratch / PENDING
        folder.mkdir()
        save_weights(self.model, folder / WEIGHTS)
        twice = [p.detach().cpu() for p in self.model.parameters() for _ in range(2)]
        for rank in range(self.ranks.world_size):
            save_state(folder / state_of(rank), {"submission": twice, "random": random_state()})

    def load_submission(self) -> None:
        """Imports the submission, makes it and has it set up."""
        spec = self.spec
        facts = WorkloadFacts(**{name: getattr(spec.workload, name) for name in WorkloadFacts.__dataclass_fields__})
        setting = Setting(
            model=self.model,
            hp=SimpleNamespace(**spec.hp),
            workload=facts,
            roles=MappingProxyType(self.workload.roles(self.model)),
            losses=lambda batch: self.workload.losses(self.network, batch),
            generator=torch.Generator().manual_seed(stream_seed(spec.seed, "submission")),
            device=self.device,
            clock=lambda: self.resumed_at[0] + time.monotonic() - self.resumed_at[1],
            rank=self.ranks.rank,
            world_size=self.ranks.world_size,
            process_group=self.ranks.process_group,
            no_sync=self.ranks.no_sync,
        )
        self.submission: Submission = load_submission(self.source)(setting)
        self.swaps = overrides(self.submission, "eval_weights")
        batch_size = self.submission.batch_size(facts)
        if type(batch_size) is not int or batch_size < 1:
            raise ValueError(f"batch_size() must return a whole number of at least 1, not {batch_size!r}")
        if batch_size % self.ranks.world_size:
            raise ValueError(f"batch_size() is {batch_size}, which cannot be dealt evenly to {self.ranks.world_size} ranks")
        self.stream.batch_size = batch_size
        self.submission.setup()

    def restore(self, checkpoint: Path) -> None:
        """Goes back to a checkpoint and hands its weights in again as proof. Off the clock as far as the first set-up was charged."""
        self.load_submission()
        load_weights(self.model, checkpoint / WEIGHTS)
        state = load_state(checkpoint / state_of(self.ranks.rank))
        self.model.load_state_dict(state["buffers"], strict=False)
        self.submission.load_state_dict(state["submission"])
        self.submission.generator.set_state(state["generator"])
        self.stream.load_state_dict(state["stream"])
        self.step = state["step"]
        set_random_state(state["random"])
        self.write_weights(self.scratch / RESTORED)

    def train(self) -> None:
        """Trains until the referee says Stop."""
        if self.resume_from is not None:
            self.say(Ready())
            self.wait()
            self.restore(self.resume_from)
            self.say(Written(self.swaps))
        else:
            self.say(Ready())
            self.wait()
            self.load_submission()
            self.checkpoint()
        self.evaluate()
        every = self.spec.evaluate_every
        due = (self.stream.examples // every + 1) * every
        submission, stream, progress = self.submission, self.stream, self.progress
        while True:
            submission.step(submission.select(stream))
            self.step += 1
            struct.pack_into("<q", progress, 0, self.step)
            if stream.examples >= due or submission.done():
                self.checkpoint()
                self.evaluate()
                due = (stream.examples // every + 1) * every
            elif self.ranks.rank == 0 and (message := self.channel.receive(timeout_s=0)) is not None:
                self.take(message)

    def checkpoint(self) -> None:
        """Pauses and writes the whole state to scratch. The clock stands from `Paused` on."""
        self.synchronise()
        memory = torch.cuda.max_memory_allocated() if self.device.type == "cuda" else 0
        stand = (self.step, self.stream.examples, self.submission.done())
        stands, memories = zip(*self.ranks.gather((stand, memory)), strict=True)
        if len(set(stands)) > 1:
            raise ValueError(f"the ranks do not agree on (step, examples, done()): {', '.join(map(str, stands))}")
        self.say(Paused(self.step, self.stream.examples, max(memories), done=stand[2]))
        self.guard.check()
        folder = self.scratch / PENDING
        folder.mkdir(exist_ok=True)
        self.write_weights(folder / WEIGHTS)
        state = {
            "buffers": dict(self.model.named_buffers()) if self.ranks.world_size > 1 else {},
            "submission": self.submission.state_dict(),
            "generator": self.submission.generator.get_state(),
            "stream": self.stream.state_dict(),
            "random": random_state(),
            "step": self.step,
        }
        save_state(folder / state_of(self.ranks.rank), state)
        self.ranks.gather(None)
        self.say(Written(self.swaps))

    def write_weights(self, path: Path) -> None:
        """Writes the model as rank 0 has it; of buffers such as BatchNorm's running statistics, which differ between ranks, the mean."""
        means = self.ranks.mean_of_buffers(self.model)
        if self.ranks.rank == 0:
            save_weights(self.model, path, means)

    def evaluate(self) -> None:
        """Lets the referee evaluate the weights of the last checkpoint, or those that the submission swaps in; leaves no trace."""
        before = random_state()
        if self.swaps:
            self.wait()
            with self.submission.eval_weights():
                self.synchronise()
                self.ranks.gather(None)
                self.say(Swapped())
                self.write_weights(self.scratch / SWAPPED)
                self.say(Written(self.swaps))
                resume = self.wait()
        else:
            resume = self.wait()
        self.model.train()
        set_random_state(before)
        if resume.evaluation is not None:
            self.submission.on_eval(resume.evaluation)

    def wait(self) -> Resume:
        """Waits for the referee's Resume."""
        message: Message = self.ranks.from_first(self.channel.receive() if self.ranks.rank == 0 else None)
        self.take(message)
        assert isinstance(message, Resume), message
        self.resumed_at = (message.time_s, time.monotonic())
        return message

    def say(self, message: Message) -> None:
        """Tells the referee, once for all ranks."""
        if self.ranks.rank == 0:
            self.channel.send(message)

    def take(self, message: Message) -> None:
        """Obeys a Stop."""
        if isinstance(message, Stop):
            raise Stopped

    def synchronise(self) -> None:
        """Waits for the device, so that all work that was asked for is on the clock."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def warm_up(workload: Workload, model: nn.Module, data: Any, batch_size: int, device: torch.device) -> None:
    """One step of a copy of the model, so that first-call costs of the libraries are off everybody's clock."""
    twin = copy.deepcopy(model)
    ids = torch.arange(batch_size) % len(data)
    optimizer = torch.optim.AdamW(twin.parameters(), lr=0.0)
    workload.losses(twin, workload.batch(data, ids, None).to(device)).mean().backward()
    nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
    optimizer.step()


def forget_what_was_made() -> None:
    """Has the garbage collector look at everything once and from now on only at what is new: a whole look takes up to 0.3 s."""
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
        return Failed("rejected", str(error))
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).name == "submission.py":
            place = f" at {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[0][:500] + place
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return Failed("out_of_memory", reason)
    return Failed("crashed", f"the state cannot be saved: {error}" if isinstance(error, StateError) else reason)


def set_limits(memory_bytes: int) -> None:
    """Bounds what this process and each of its children may take: memory, the size of a file, no core dumps; nothing can raise them again.

    When the machine's memory runs out all the same, the system shall kill this process and not the referee.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _shared_counter(path: Path) -> mmap.mmap:
    """A file of one number that the referee looks at for its display; nothing depends on it."""
    path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 8)


def main() -> None:
    """Runs the trial that the referee describes over the inherited socket, whose descriptor is the one argument."""
    die_with_parent()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    task = channel.receive()
    assert isinstance(task, Task), task
    try:
        set_limits(task.memory_bytes)
        threads = task.spec["workload"]["threads"]
        rank = fork(task.place, threads, channel.send)
        torch.set_num_threads(threads)
        Runner(channel, task, rank).train()
    except (Stopped, EOFError, BrokenPipeError):
        pass
    except BaseException as error:
        traceback.print_exc()
        if isinstance(error, RuntimeError) and task.place.ranks > 1:
            time.sleep(CAUSE_FIRST_S)
        channel.send(explain(error))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
