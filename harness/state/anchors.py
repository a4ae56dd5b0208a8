"""What two processes of one trial have in common, and settings of the whole process that belong to the state."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
import torch.nn.modules.module as nn_module
import torch.optim.optimizer as nn_optimizer
from torch import nn
from torch.utils.hooks import RemovableHandle

SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "default_dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "grad_enabled": (torch.is_grad_enabled, torch.set_grad_enabled),
    "float32_matmul_precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "deterministic_algorithms": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "cudnn_benchmark": (lambda: torch.backends.cudnn.benchmark, lambda value: setattr(torch.backends.cudnn, "benchmark", value)),
}
GLOBAL_HOOKS: dict[str, Any] = {
    f"{module.__name__}.{name}": hooks
    for module in (nn_module, nn_optimizer)
    for name, hooks in vars(module).items()
    if name.startswith("_global_") and isinstance(hooks, dict)
}


MODULES = "__submission_modules__"
"""The global of submission.py with all modules that were loaded with it: module name -> globals."""


class StateError(TypeError):
    """Something in a submission's state that a checkpoint cannot hold, or that did not come back from one; the message names it."""


@dataclass(frozen=True)
class Anchors:
    """The objects that the runner makes again before a state is restored.

    Attributes:
        model: the network; its modules, parameters and buffers are known by name.
        given: what the runner gave to the submission, by name; taken as it is and not looked into.
        device: where the model is.
        own: the globals of the submission's modules by the module's name; their functions and classes can hold state too.
    """

    model: nn.Module
    given: Mapping[str, object]
    device: torch.device
    own: Mapping[str, dict[str, Any]]

    def by_name(self) -> dict[str, object]:
        """Returns the model's modules, parameters and buffers, by names such as `self.model.conv.weight`."""
        found: dict[str, object] = {}
        for kind in (self.model.named_modules(), self.model.named_parameters(), self.model.named_buffers()):
            found.update({f"self.model.{name}" if name else "self.model": item for name, item in kind})
        return found


def modules_of(kind: type) -> dict[str, dict[str, Any]]:
    """Returns the globals of the module that defines a class, and of those loaded with it, by the module's name.

    They are those of this very class, even if it was loaded twice.
    """
    for base in kind.__mro__:
        for value in vars(base).values() if base.__module__ == kind.__module__ else ():
            if isinstance(value, FunctionType) and value.__globals__.get("__name__") == kind.__module__:
                return _with_its_modules(kind.__module__, value.__globals__)
    return _with_its_modules(kind.__module__, vars(sys.modules[kind.__module__])) if kind.__module__ in sys.modules else {}


def _with_its_modules(name: str, scope: dict[str, Any]) -> dict[str, dict[str, Any]]:
    modules: dict[str, dict[str, Any]] = scope.get(MODULES, {name: scope})
    return modules


@contextmanager
def process_settings_kept() -> Iterator[None]:
    """Puts settings and hooks of the whole process back afterwards."""
    settings = {name: get() for name, (get, _) in SETTINGS.items()}
    hooks = {name: dict(registered) for name, registered in GLOBAL_HOOKS.items()}
    next_hook = RemovableHandle.next_id
    try:
        yield
    finally:
        for name, (get, put) in SETTINGS.items():
            if get() != settings[name]:
                put(settings[name])
        for name, registered in GLOBAL_HOOKS.items():
            registered.clear()
            registered.update(hooks[name])
        RemovableHandle.next_id = next_hook
