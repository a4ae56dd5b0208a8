"""What a submission must leave alone in its own process: the model's structure, the loss, the clock's and torch's functions.

This is the fence, not the wall: the wall is the process border, since the referee evaluates with its own code. The fence turns the usual
ways over it into a rejection with a reason; what it cannot see (frames, byte code) `finishline check` looks for in the source.
"""

import sys
import time
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from harness.workload import Workload

Attribute = tuple[Any, str]
FUNCTIONS: tuple[Attribute, ...] = (
    *((time, name) for name in ("time", "monotonic", "perf_counter", "process_time", "sleep")),
    *((F, name) for name in ("cross_entropy", "nll_loss", "log_softmax", "binary_cross_entropy_with_logits", "softplus", "dropout")),
    *((F, name) for name in ("linear", "conv2d", "batch_norm", "rms_norm", "embedding", "scaled_dot_product_attention", "gelu", "silu")),
    *((torch, name) for name in ("logsumexp", "isfinite", "isnan", "randperm", "manual_seed", "save", "load")),
    *((torch.cuda, name) for name in ("synchronize", "max_memory_allocated")),
    *((nn.Module, name) for name in ("state_dict", "load_state_dict", "train", "__call__", "named_parameters")),
)
OURS = ("harness", "workloads")
SETTING = (bool, int, float, str, tuple, type(None))


class RuleBroken(Exception):
    """The submission changed what is not its own; the message says what."""


class Guard:
    """Remembers model, workload and functions as they are before the submission is loaded."""

    def __init__(self, model: nn.Module, workload: Workload) -> None:
        self._model, self._workload = model, workload
        self._structure = dict(_structure(model))
        self._parameters = {name: id(parameter) for name, parameter in model.named_parameters()}
        self._constants = {name: buffer.clone() for name, buffer in _constants(model)}
        self._functions = [(owner, name, getattr(owner, name)) for owner, name in (*FUNCTIONS, *_our_functions())]

    def check(self) -> None:
        """Raises RuleBroken when something is not as it was."""
        for owner, name, function in self._functions:
            if getattr(owner, name, None) is not function:  # defence: functions stay
                raise RuleBroken(f"{getattr(owner, '__name__', type(owner).__name__)}.{name} was replaced")
        if sys.gettrace() is not None or sys.getprofile() is not None:  # defence: there is no trace function
            raise RuleBroken("a trace or profile function was set: it could run while the clock stands")
        for name in ("losses", "evaluate", "batch", "load"):
            if name in vars(self._workload):  # defence: the workload stays
                raise RuleBroken(f"the workload's {name} was replaced")
        structure = dict(_structure(self._model))
        for name in sorted(self._structure.keys() | structure.keys()):
            was, now = self._structure.get(name, {}), structure.get(name, {})
            # defence: the model's structure stays
            if changed := sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key)):
                raise RuleBroken(f"the model's module '{name or 'itself'}' was changed ({', '.join(changed)})")
        for name, buffer in _constants(self._model):
            if not torch.equal(buffer, self._constants[name]):  # defence: constants of the model stay
                raise RuleBroken(f"the model's constant {name} was changed")
        for name, module in self._model.named_modules():
            if not module.training:  # defence: modules stay in training mode
                raise RuleBroken(f"the model's module '{name or 'itself'}' was left in evaluation mode, in which there is no dropout")
        parameters = {name: id(parameter) for name, parameter in self._model.named_parameters()}
        if parameters != self._parameters:  # defence: the model's parameters stay
            changed = sorted(name for name in parameters.keys() | self._parameters if parameters.get(name) != self._parameters.get(name))
            raise RuleBroken(f"the model's parameter {changed[0]} was added, removed or replaced by another object")


def _structure(model: nn.Module) -> Iterator[tuple[str, dict[str, object]]]:
    """Yields for each module what makes it compute what it computes, parameters left out: class, settings, own functions, buffers."""
    for name, module in model.named_modules():
        settings = {key: value for key, value in vars(module).items() if type(value) in SETTING and key != "training"}
        functions = {key: id(value) for key, value in vars(module).items() if callable(value) and not isinstance(value, nn.Module)}
        buffers = {key: tuple(buffer.shape) for key, buffer in module.named_buffers(recurse=False)}
        kind = {"class": type(module), "forward": type(module).forward, "description": module.extra_repr()}
        yield name, {**kind, **settings, **functions, **buffers}


def _constants(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yields the buffers that are not part of the weights: tables that training has no business with."""
    kept = model.state_dict().keys()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name not in kept)


def _our_functions() -> Iterator[Attribute]:
    """Yields the functions, classes and methods of harness and workloads, wherever they are bound."""
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] in OURS]:
        for name, value in vars(module).items():
            if isinstance(value, FunctionType | type):
                yield module, name
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from ((value, method) for method, function in vars(value).items() if isinstance(function, FunctionType))
