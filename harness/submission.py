"""What a submitter extends: one training algorithm, that is an optimizer, a schedule and whatever else it declares.

    class AdamW(Submission):
        def setup(self):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.hp.learning_rate)
            self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)

Everything else has a default and may be overridden.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from harness.workload import Batch, Direction, Evaluation, Role

if TYPE_CHECKING:
    from harness.stream import Stream


@dataclass(frozen=True)
class WorkloadInfo:
    """What a submission may know of the workload: everything but its name. `step_hint` counts steps of `reference_batch` examples."""

    metric: str
    direction: Direction
    target: float
    budget_s: float
    reference_batch: int
    step_hint: int
    loss_kind: str


@dataclass(frozen=True)
class SubmissionContext:
    """What the runner gives to a submission; each field becomes an attribute of the same name."""

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


class StateError(TypeError):
    """An attribute of a submission that a checkpoint cannot hold."""


class Submission:
    """One training algorithm. Only `setup` must be given.

    Attributes:
        model: the network to train; in training mode.
        hp: the hyperparameters of this trial, by name.
        workload: metric, direction, target, budget, reference batch, step hint, kind of loss.
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
        self._given = frozenset(vars(self)) | {"_given"}

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
        """Returns the state to resume from. Default: every attribute that has a `state_dict`, tensors, numbers, and containers of these.

        Raises:
            StateError: an attribute can be neither saved nor left out; its name is in the message.
        """
        own = {name: value for name, value in vars(self).items() if name not in self._given}
        return {name: _saved(name, value) for name, value in own.items() if not _is_code(value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what `state_dict` returned; `setup` has been called before."""
        for name, value in state.items():
            current: Any = getattr(self, name, None)
            if hasattr(current, "load_state_dict"):
                current.load_state_dict(value)
            elif isinstance(current, torch.Generator):
                current.set_state(value)
            else:
                setattr(self, name, value)


def overrides(submission: Submission, method: str) -> bool:
    """Whether the submission brings its own version of a method of the base class."""
    return getattr(type(submission), method) is not getattr(Submission, method)


def _is_code(value: object) -> bool:
    return inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)


def _saved(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    if isinstance(value, torch.Generator):
        return value.get_state()
    if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
        return value.state_dict()
    if isinstance(value, list | tuple):
        return type(value)(_plain(name, item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(name, item) for key, item in value.items()}
    raise StateError(
        f"self.{name} is a {type(value).__name__}, which a checkpoint cannot hold: make it a tensor, a number, "
        "a list or dict of these, or an object with state_dict and load_state_dict, or override the submission's state_dict"
    )


def _plain(name: str, value: Any) -> Any:
    """Items of containers are stored by value: something with a state of its own in there could not be put back."""
    if value is None or isinstance(value, bool | int | float | str | Tensor):
        return value
    if isinstance(value, list | tuple):
        return type(value)(_plain(name, item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(name, item) for key, item in value.items()}
    raise StateError(f"self.{name} holds a {type(value).__name__}, which a checkpoint cannot hold: override the submission's state_dict")
