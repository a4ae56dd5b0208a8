"""What a workload implements: data, model, loss, metric and the finish line.

This module imports no torch when it runs, so that `finishline list` is instant.

Shape letters used in all workloads: B batch, L length, D width, C channels, H height, W width in pixels, K ranks of a result page.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from harness.values.kinds import Anything, Kind, Named, Number, OneOf, Table, Whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Role = Literal["hidden", "embedding", "head", "norm", "bias", "conv", "scalar"]
SPLITS = ("train", "valid", "test")


class Direction(StrEnum):
    """Whether a metric is better when it is smaller or larger."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    def reached(self, value: float, target: float) -> bool:
        """Whether a value is at or beyond a target; one that is not finite never is."""
        return math.isfinite(value) and (value <= target if self is Direction.MINIMIZE else value >= target)

    def best(self, values: Iterable[float]) -> float | None:
        """Returns the best of the finite values, None where there is none."""
        pick = min if self is Direction.MINIMIZE else max
        return pick((value for value in values if math.isfinite(value)), default=None)

    @property
    def sign(self) -> int:
        """What a value is multiplied with so that less is better."""
        return 1 if self is Direction.MINIMIZE else -1

    @property
    def relation(self) -> str:
        """How a target is written: `<=` or `>=`."""
        return "<=" if self is Direction.MINIMIZE else ">="


@dataclass(frozen=True)
class WorkloadConfig:
    """The fixed part of a workload, as `configs/workload/<name>/<tier>.yaml` states it.

    The finish line is `target` on the validation split and `test_target` on the test split, both met by the same weights.
    `version` is raised whenever results may change. `step_hint` counts steps at `reference_batch` examples a step; `budget_s` is in
    seconds on the referee's clock. A trial runs in `ranks` processes, one for each GPU, of `threads` threads each. `model` and `data` are
    the fields of the workload's own dataclasses of these names. A variant names the workload that it is a small change of in `variant_of`.
    """

    name: Annotated[str, Named("the name of a folder below workloads/")]
    tier: Annotated[str, Named("a word of letters, digits, '_', '.' and '-'")]
    version: Annotated[int, Whole(1)]
    task: Annotated[str, Kind()]
    metric: Annotated[str, Named("a word of letters, digits, '_', '.' and '-'")]
    direction: Annotated[Direction, OneOf(("minimize", "maximize"))]
    target: Annotated[float, Number()]
    test_target: Annotated[float, Number()]
    budget_s: Annotated[float, Number(above=0, most=1e8)]
    reference_batch: Annotated[int, Whole(1, 1 << 30)]
    step_hint: Annotated[int, Whole(1, 1 << 40)]
    loss_kind: Annotated[str, Named("a word of letters, digits, '_', '.' and '-'")]
    threads: Annotated[int, Whole(1, 1024)]
    model: Annotated[Mapping[str, Any], Table(Anything())] = field(default_factory=dict)
    data: Annotated[Mapping[str, Any], Table(Anything())] = field(default_factory=dict)
    variant_of: Annotated[str | None, Named("the name/tier of another workload", form=r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")] = None
    ranks: Annotated[int, Whole(1, 4096)] = 1

    @property
    def id(self) -> str:
        """`name/tier`, as written on the command line and in every CSV."""
        return f"{self.name}/{self.tier}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", Direction(self.direction))

    def valid_reached(self, valid: float) -> bool:
        """Whether the metric on the validation split is at or beyond its target."""
        return self.direction.reached(valid, self.target)

    def reached(self, valid: float, test: float | None) -> bool:
        """Whether both targets are reached; `None` stands for weights that were not evaluated on the test split."""
        return self.valid_reached(valid) and test is not None and self.direction.reached(test, self.test_target)


@dataclass(frozen=True)
class Batch:
    """Examples as the model takes them; the first dimension of every tensor is B.

    `ids` are the sample ids in the training data, `inputs` the arguments of the model, `targets` what its output is compared with.
    """

    ids: Tensor
    inputs: tuple[Tensor, ...]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Batch:
        """A part of the batch, for micro-batches."""
        return Batch(self.ids[part], tuple(x[part] for x in self.inputs), self.targets[part])

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(self.ids.to(device), tuple(x.to(device) for x in self.inputs), self.targets.to(device))

    def with_targets(self, targets: Tensor) -> Batch:
        """The same inputs with other targets (labels sampled from the model, for instance)."""
        return replace(self, targets=targets)


@dataclass(frozen=True)
class Evaluation:
    """The workload's metric and the mean loss over one held-out split."""

    metric: float
    loss: float


class Workload(ABC):
    """One learning task. Stateless apart from its configuration; data live in objects that `load` returns."""

    held_out_distributions: tuple[str, ...] = ()
    """Installed distributions that contain held-out data; the sandbox shows a runner none of their files."""
    runner_modules: tuple[str, ...] = ()
    """Modules beside the workload's folder that its code imports. A runner is shown these, its `workload.py` and its `model.py` alone."""
    draws_held_out = False
    """Whether the held-out splits are drawn at random, so that they can be drawn under a secret salt."""

    def __init__(self, config: WorkloadConfig) -> None:
        self.config = config

    @abstractmethod
    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Makes or collects all splits and writes them below `folder` with `harness.data.write_columns`, one sub-folder a split.

        Where `draws_held_out`, the seeds of the held-out splits are those of `harness.salt.split_seed`; nothing else depends on the salt.
        Runs once per machine in an empty folder of the cache (see `harness.data`). The runner is shown `train` (and `shared`) alone.
        """

    @abstractmethod
    def load(self, folder: Path, split: str) -> Any:
        """Returns a split in memory as tensors; `len()` of it is its number of samples."""

    @abstractmethod
    def batch(self, data: Any, ids_B: Tensor, generator: torch.Generator | None) -> Batch:
        """Gathers samples without per-item Python. With a `generator` the samples are augmented for training, without they are not."""

    @abstractmethod
    def build_model(self) -> nn.Module:
        """Returns the freshly initialised model on the CPU; all randomness comes from torch's global generator."""

    @abstractmethod
    def roles(self, model: nn.Module) -> dict[str, Role]:
        """Returns the role of every parameter by its name in `model.named_parameters()`."""

    @abstractmethod
    def losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """Returns the training loss of each example, shape (B,)."""

    @abstractmethod
    def evaluate(self, model: nn.Module, data: Any) -> Evaluation:
        """Returns metric and loss over all of a held-out split; `model` is in eval mode and gradients are off."""
