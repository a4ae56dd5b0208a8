"""What can be said of an object by looking at its class."""

import enum
import inspect
import types
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

COMPILER = ("torch._dynamo", "torch._inductor", "torch._functorch")
HEAP_TYPE = 1 << 9


def is_compiled(value: Any) -> bool:
    """Whether this is what `torch.compile` returns."""
    module = value.__globals__.get("__name__", "") if isinstance(value, types.FunctionType) else type(value).__module__
    return str(module).startswith(COMPILER)


def is_walkable(kind: type) -> bool:
    """Whether all that objects of a class hold is in attributes: no class below it but `object` is written in C."""
    written_in_python = all(base is object or base.__flags__ & HEAP_TYPE for base in kind.__mro__)
    plain = kind.__basicsize__ <= object.__basicsize__ + 8 * (len(list(slots(kind))) + 2)
    return kind is types.SimpleNamespace or (written_in_python and plain and kind is not object)


def slots(kind: type) -> Iterator[str]:
    """Yields the names of a class's slots."""
    for base in kind.__mro__:
        if base.__flags__ & HEAP_TYPE:
            yield from (name for name, item in vars(base).items() if isinstance(item, types.MemberDescriptorType))


def class_state(kind: type) -> dict[str, Any]:
    """Returns what a class itself can hold as state: its own attributes, and its functions, which have defaults and closures."""
    if issubclass(kind, enum.Enum):
        return {}
    found = {name: functions_of(item) for name, item in vars(kind).items() if not name.startswith("_abc_")}
    special = {name for name, item in found.items() if name.startswith("__") and not isinstance(item, types.FunctionType)}
    return {name: item for name, item in found.items() if name not in special and not inspect.isdatadescriptor(item)}


def functions_of(item: Any) -> Any:
    """Returns the functions of a static method, class method or property as a tuple, anything else as it is."""
    if isinstance(item, staticmethod | classmethod):
        return (item.__func__,)
    if isinstance(item, types.FunctionType) and getattr(item, "hooked", False):
        return item.__wrapped__  # type: ignore[attr-defined]  # the step of an optimizer's class, of which an object was made
    return (item.fget, item.fset, item.fdel) if type(item) is property else item


def items_of(table: dict[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Returns the items of a dict in its order, whatever a subclass makes of that."""
    return OrderedDict.items(table) if isinstance(table, OrderedDict) else dict.items(table)


def extent(tensor: Tensor) -> tuple[int, int]:
    """Returns the first byte of its storage that a tensor uses, and the first behind."""
    start = tensor.storage_offset()
    last = start + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return int(start * tensor.itemsize), int((last + 1) * tensor.itemsize)


def label(value: Any) -> str:
    """Returns what must be the same of two objects that are not looked into."""
    name = getattr(value, "__qualname__", None)
    return f"{type(value).__module__}.{type(value).__qualname__}{f' {name}' if isinstance(name, str) else ''}"
