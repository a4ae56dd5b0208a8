"""What a submission must leave alone in its own process: the model's structure, the loss, the clock's and torch's functions.

This is the fence, not the wall: the wall is the process border, since the referee evaluates with its own code. The fence turns the usual
ways over it into a rejection with a reason; what it cannot see (frames, byte code) `finishline check` looks for in the source.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from harness.stream import Stream
from harness.trial import checkpoint
from harness.trial.messages import Channel
from harness.workload import Workload

Attribute = tuple[Any, str]
FUNCTIONS: tuple[Attribute, ...] = (
    *((time, name) for name in ("time", "monotonic", "perf_counter", "process_time", "sleep")),
    *((F, name) for name in ("cross_entropy", "nll_loss", "log_softmax", "binary_cross_entropy_with_logits", "softplus", "dropout")),
    *((F, name) for name in ("linear", "conv2d", "batch_norm", "rms_norm", "embedding", "scaled_dot_product_attention", "gelu", "silu")),
    *((torch, name) for name in ("logsumexp", "isfinite", "isnan", "randperm", "manual_seed", "save", "load")),
    *((torch.cuda, name) for name in ("synchronize", "max_memory_allocated")),
    *((checkpoint, name) for name in ("save_weights", "save_file", "save_state", "random_state", "set_random_state")),
    *((Channel, name) for name in ("send", "receive")),
    *((Stream, name) for name in ("next", "next_ids", "take", "state_dict")),
    *((nn.Module, name) for name in ("state_dict", "load_state_dict", "train", "__call__", "named_parameters")),
)


class RuleBroken(Exception):
    """The submission changed what is not its own; the message says what."""


class Guard:
    """Remembers model, workload and functions as they are before the submission is loaded."""

    def __init__(self, model: nn.Module, workload: Workload) -> None:
        self._model, self._workload = model, workload
        self._structure = dict(_structure(model))
        self._parameters = {name: id(parameter) for name, parameter in model.named_parameters()}
        self._functions = [(owner, name, getattr(owner, name)) for owner, name in (*FUNCTIONS, *_methods(workload))]

    def check(self) -> None:
        """Raises RuleBroken when something is not as it was."""
        for owner, name, function in self._functions:
            if getattr(owner, name, None) is not function:
                raise RuleBroken(f"{getattr(owner, '__name__', type(owner).__name__)}.{name} was replaced")
        for name in ("losses", "evaluate", "batch", "load"):
            if name in vars(self._workload):
                raise RuleBroken(f"the workload's {name} was replaced")
        structure = dict(_structure(self._model))
        for name in self._structure.keys() | structure.keys():
            if self._structure.get(name) != structure.get(name):
                raise RuleBroken(f"the model's module '{name or 'itself'}' was changed")
        parameters = {name: id(parameter) for name, parameter in self._model.named_parameters()}
        if parameters != self._parameters:
            changed = sorted(name for name in parameters.keys() | self._parameters if parameters.get(name) != self._parameters.get(name))
            raise RuleBroken(f"the model's parameter {changed[0]} was added, removed or replaced by another object")


def _structure(model: nn.Module) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yields for each module what makes it compute what it computes, parameters left out: class, settings, own functions, buffers."""
    for name, module in model.named_modules():
        functions = tuple(key for key, value in vars(module).items() if callable(value) and not isinstance(value, nn.Module))
        buffers = tuple((key, tuple(buffer.shape)) for key, buffer in module.named_buffers(recurse=False))
        yield name, (type(module), type(module).forward, module.extra_repr(), functions, buffers)


def _methods(workload: Workload) -> Iterator[Attribute]:
    yield from ((type(workload), name) for name in ("losses", "evaluate", "batch", "load", "roles"))
