"""What a submitter extends: one training algorithm, that is an optimizer, a schedule and whatever else it declares.

    class AdamW(Submission):
        def setup(self):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.hp.learning_rate)
            self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)

Everything else has a default and may be overridden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from harness.state import Anchors, restore, save
from harness.state import StateError as StateError
from harness.state.anchors import modules_of
from harness.workload import Batch, Direction, Evaluation, Role, WorkloadConfig

if TYPE_CHECKING:
    from harness.stream import Stream


@dataclass(frozen=True)
class WorkloadInfo:
    """What a submission may know of the workload: everything but its name.

    `step_hint` counts steps of `reference_batch` examples. An evaluation falls due every `evaluate_every` examples; `num_samples` is the
    size of the training data, in examples.
    """

    metric: str
    direction: Direction
    target: float
    budget_s: float
    reference_batch: int
    step_hint: int
    loss_kind: str
    evaluate_every: int
    num_samples: int

    @staticmethod
    def of(config: WorkloadConfig, evaluate_every: int, num_samples: int) -> WorkloadInfo:
        """Returns the facts of a configured workload and of a trial."""
        names = [name for name in WorkloadInfo.__dataclass_fields__ if name in WorkloadConfig.__dataclass_fields__]
        return WorkloadInfo(**{name: getattr(config, name) for name in names}, evaluate_every=evaluate_every, num_samples=num_samples)


@dataclass(frozen=True)
class SubmissionContext:
    """What the runner gives to a submission; each field but `stream` becomes an attribute of the same name.

    `stream` is what `select` is going to be given: an attribute that refers to it can then be saved.
    """

    model: nn.Module
    hp: SimpleNamespace
    workload: WorkloadInfo
    roles: Mapping[str, Role]
    losses: Callable[[Batch], Tensor]
    generator: torch.Generator
    device: torch.device
    clock: Callable[[], float]
    rank: int = 0
    world_size: int = 1
    process_group: ProcessGroup | None = None
    no_sync: Callable[[], AbstractContextManager[None]] = nullcontext
    stream: Stream | None = None


class Submission:
    """One training algorithm. Only `setup` must be given.

    Attributes:
        model: the network to train; in training mode.
        hp: the hyperparameters of this trial, by name.
        workload: metric, direction, target, budget, reference batch, step hint, kind of loss, examples between evaluations and in all.
        roles: the role of each parameter by its name: hidden, embedding, head, norm, bias, conv or scalar.
        losses: batch -> loss of each example, shape (B,).
        generator: a random generator (CPU) of the submission's own; it is part of the checkpoint.
        device: where model and batches are.
        rank, world_size: which of the trial's processes this is, and how many there are; batches are this rank's share.
        process_group: for collectives of the submission's own; None where there is one rank.
        clip_norm: if set, the default `step` clips the global gradient norm to it.
    """

    clip_norm: float | None = None
    optimizer: torch.optim.Optimizer
    schedule: Any = None
    _not_in_state = ("_setting",)

    def __init__(self, setting: SubmissionContext) -> None:
        self.model = setting.model
        self.hp: Any = setting.hp
        self.workload = setting.workload
        self.roles = setting.roles
        self.losses = setting.losses
        self.generator = setting.generator
        self.device = setting.device
        self.rank, self.world_size, self.process_group = setting.rank, setting.world_size, setting.process_group
        self._clock, self._no_sync = setting.clock, setting.no_sync
        self._setting = setting

    @property
    def horizon(self) -> int:
        """Planned steps: as many as see the examples of the step hint at this submission's batch size."""
        examples = self.workload.step_hint * self.workload.reference_batch
        return -(-examples // self.batch_size(self.workload))

    @property
    def elapsed(self) -> float:
        """Seconds used so far: a copy of the referee's clock, brought up to date at each evaluation."""
        return self._clock()

    def batch_size(self, workload: WorkloadInfo) -> int:
        """Returns examples per step. Default: the workload's reference batch."""
        return workload.reference_batch

    def setup(self) -> None:
        """Makes `self.optimizer`, `self.schedule` and all other state. On the clock."""
        raise NotImplementedError(f"{type(self).__name__} must define setup()")

    def decay_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Returns parameter groups for an optimizer: `weight_decay` on all but norm gains, biases and scalars, which get none."""
        decayed: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.model.named_parameters():
            (others if self.roles[name] in ("norm", "bias", "scalar") else decayed).append(parameter)
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]

    def select(self, stream: Stream) -> Batch:
        """Returns the batch of the next step. Default: the next one in the workload's random order. On the clock."""
        return stream.next()

    def step(self, batch: Batch) -> None:
        """Makes one update from one batch. Default: backward, clip if `clip_norm` is set, optimizer and schedule. On the clock."""
        self.optimizer.zero_grad(set_to_none=True)
        self.losses(batch).mean().backward()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()

    def no_sync(self) -> AbstractContextManager[None]:
        """Returns a context for backward passes whose gradients are not to be averaged over the ranks (local steps, own exchange)."""
        return self._no_sync()

    @contextmanager
    def eval_weights(self) -> Iterator[None]:
        """Puts the weights to evaluate into `self.model`, and on leaving the training weights back, bit by bit. On the clock."""
        yield

    def on_eval(self, evaluation: Evaluation) -> None:
        """Is told the validation result after each evaluation. Default: nothing. On the clock."""

    def done(self) -> bool:
        """Whether the submission has nothing left to do; it then gets one last evaluation. Default: when the schedule says `finished`."""
        return bool(getattr(self.schedule, "finished", False))

    def state_dict(self) -> dict[str, Any]:
        """Returns the state to resume from: everything that the submission can reach (`harness.state`), gradients and hooks included.

        Whoever overrides it, and `load_state_dict`, may return anything that `torch.load(weights_only=True)` reads, for example
        `{**super().state_dict(), "more": ...}`; all attributes must be back when `load_state_dict` returns.

        Raises:
            StateError: something cannot be saved; its name is in the message.
        """
        return save(self, anchors_of(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what `state_dict` returned, in place; `setup` has been called before, and the weights are in the model."""
        restore(state, self, anchors_of(self))


def anchors_of(submission: Submission) -> Anchors:
    """Returns what is there again, without being restored, when a trial goes on: the model and what the runner gave."""
    setting = submission._setting
    given = {name: value for name, value in vars(setting).items() if name not in ("model", "hp", "generator")}
    return Anchors(model=setting.model, given=given, device=setting.device, own=modules_of(type(submission)))


def checked_batch_size(submission: Submission, workload: WorkloadInfo) -> int:
    """Returns the submission's batch size; raises ValueError when it is not a whole number of at least 1."""
    batch_size: object = submission.batch_size(workload)
    if type(batch_size) is not int or batch_size < 1:
        raise ValueError(f"batch_size() must return a whole number of at least 1, not {batch_size!r}")
    return batch_size


def checked_done(submission: Submission) -> bool:
    """Returns whether the submission is done; raises ValueError when it answers with anything but True or False."""
    done: object = submission.done()
    if type(done) is not bool:
        raise ValueError(f"done() must return True or False, not {done!r}")
    return done


def overrides(submission: Submission, method: str) -> bool:
    """Whether the submission brings its own version of a method of the base class."""
    return getattr(type(submission), method) is not getattr(Submission, method)
