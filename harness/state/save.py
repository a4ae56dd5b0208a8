"""Saving: a walk over the objects that a submission reaches, breadth first, so that names of what is found are short.

A value is written as JSON: None, booleans, numbers up to 2**32 and strings as they are, the rest as {tag: ...}; {"ref": n} is node n.
"""

import enum
import functools
import inspect
import json
import random
import re
import threading
import types
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from harness.state.anchors import GLOBAL_HOOKS, SETTINGS, Anchors, StateError
from harness.state.code import key_of, name_of
from harness.state.objects import class_state, extent, is_compiled, is_walkable, items_of, label, slots

ALIGNMENT = 16
SMALL = 2**32
"""Larger whole numbers may be addresses: `id(parameter)`, `parameter.data_ptr()`."""
COMPILED = ("_torchdynamo_orig_callable", "_orig_mod")
OPAQUE: tuple[type, ...] = (
    *(type(threading.Lock()), type(threading.RLock()), re.Pattern, type(functools.lru_cache(int))),
    *(dist.ProcessGroup, torch.cuda.Event, torch.Stream),
)
"""What is taken as `setup` makes it: it has no state that training could see between two steps."""
LISTS, DICTS, SETS, DEQUES = (list,), (dict,), (set,), (deque,)
TORCH_VALUES = (torch.dtype, torch.layout, torch.memory_format)
PARTIAL = functools.partial
ADVICE = "keep tensors, numbers, containers, optimizers, schedules and objects of plain Python classes, or override state_dict"
LIBRARY = (torch._ops.OpOverloadPacket, torch._ops.OpOverload, type(functools.lru_cache(int)), np.ufunc)
HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def save(root: object, anchors: Anchors, *, opaque: bool = False) -> dict[str, Any]:
    """Returns the state of everything that `root`, the model and the submission's modules reach; tensors are copies.

    Args:
        root: the submission, or anything else.
        anchors: what the process that restores has as well.
        opaque: whether what cannot be saved is left out, as something that the submission saves by other means.

    Raises:
        StateError: something cannot be saved; the message names it.
    """
    return _Walk(anchors, opaque).run(root)


class _Walk:
    def __init__(self, anchors: Anchors, opaque: bool) -> None:
        self.anchors, self.lenient = anchors, opaque
        self.given = {id(item): name for name, item in anchors.given.items() if not isinstance(item, bool | int | float | str | None)}
        self.anchored = {id(item): name for name, item in anchors.by_name().items()}
        self.nodes: list[dict[str, Any]] = []
        self.objects: list[Any] = []
        self.index: dict[int, int] = {}
        self.strict, self.loose = deque[int](), deque[int]()
        self.large: list[dict[str, Any]] = []
        self.sets: list[list[Any]] = []
        self.grads: set[int] = set()
        self.blobs: list[Tensor] = []

    def run(self, root: object) -> dict[str, Any]:
        entry = {
            "at": "",
            "kind": "root",
            "settings": {name: self.value(get(), name, False) for name, (get, _) in SETTINGS.items()},
            "self": self.value(root, "self", False),
            "model": self.value(self.anchors.model, "self.model", False),
        }
        hooks = {name: self.value(registered, name, False) for name, registered in GLOBAL_HOOKS.items()}
        own = {name: self.scope(name, scope) for name, scope in self.anchors.own.items()}
        while self.strict or self.loose:
            loose = not self.strict
            number = self.loose.popleft() if loose else self.strict.popleft()
            self.nodes[number].update(self.describe(self.objects[number], self.nodes[number], loose))
        self.find_addresses()
        for items in self.sets:
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        graph: dict[str, Any] = {"root": {**entry, "hooks": hooks, "own": own}, "nodes": self.nodes, "storages": self.storages()}
        graph["next_hook"] = torch.utils.hooks.RemovableHandle.next_id
        return {"graph": json.dumps(graph), "tensors": self.blobs}

    def scope(self, module: str, scope: dict[str, Any]) -> list[Any]:
        """Returns the globals of a module that are neither modules nor imported nor Python's own."""
        names = [name for name, value in scope.items() if not (name.startswith("__") or isinstance(value, types.ModuleType))]
        return [[name, self.value(scope[name], f"{module.rpartition('.')[2]}.py:{name}", True)] for name in names]

    # values

    def value(self, value: Any, at: str, loose: bool) -> Any:
        """Returns a value as JSON; objects that can change or be shared become nodes."""
        kind = type(value)
        if value is None or kind is bool or kind is float or kind is str:
            return value
        if kind is int:
            return value if abs(value) <= SMALL else self.address(value)
        if id(value) in self.index:
            return {"ref": self.index[id(value)]}
        if id(value) in self.anchored:
            return self.node(value, self.anchored[id(value)], False)
        if id(value) in self.given:
            return {"given": self.given[id(value)]}
        for simple in (self.plain, self.code, self.holder):
            if (found := simple(value, at, loose)) is not None:
                return found
        return self.node(value, at, loose)

    def node(self, value: Any, at: str, loose: bool) -> dict[str, Any]:
        number = self.index[id(value)] = len(self.nodes)
        self.nodes.append({"at": at})
        self.objects.append(value)
        (self.loose if loose else self.strict).append(number)
        return {"ref": number}

    def address(self, value: int) -> dict[str, Any]:
        self.large.append(numbers := {"int": value})
        return numbers

    def plain(self, value: Any, at: str, loose: bool) -> dict[str, Any] | None:
        """Values that never change and hold nothing."""
        if isinstance(value, np.generic) and not value.dtype.hasobject:
            return {"numpy": [value.dtype.str, value.tobytes().hex()]}
        if isinstance(value, enum.Enum):
            return {"enum": [self.value(type(value), at, loose), value.name]}
        if type(value) is complex:
            return {"complex": [value.real, value.imag]}
        if type(value) is bytes:
            return {"bytes": value.hex()}
        if isinstance(value, TORCH_VALUES):
            return {"torch": str(value).removeprefix("torch.")}
        if type(value) is torch.device:
            return {"device": self.device(value)}
        if type(value) in (range, slice):
            return {type(value).__name__: [self.value(part, at, loose) for part in (value.start, value.stop, value.step)]}
        if isinstance(value, np.dtype) and not value.hasobject:
            return {"dtype": value.str}
        if value is Ellipsis or value is NotImplemented:
            return {"constant": str(value)}
        return None

    def code(self, value: Any, at: str, loose: bool) -> dict[str, Any] | None:
        """Modules, classes and functions that are found by name; those of the submission itself are nodes."""
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        own = getattr(value, "__module__", None) in self.anchors.own
        if isinstance(value, type):
            return None if own else {"name": name_of(value, self.anchors) or [value.__module__, value.__qualname__]}
        if isinstance(value, types.FunctionType) and own:
            return None
        if isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType | type | None):
            return {"builtin": [self.value(value.__self__, at, loose), value.__name__]}
        if (inspect.isroutine(value) or isinstance(value, LIBRARY)) and (name := name_of(value, self.anchors)):
            return {"name": name}
        return None

    def holder(self, value: Any, at: str, loose: bool) -> dict[str, Any] | None:
        """Things that cannot change, but hold others."""
        several: Callable[[Iterable[Any]], list[Any]] = lambda items: [self.value(x, f"{at}[{i}]", loose) for i, x in enumerate(items)]  # noqa: E731
        if isinstance(value, tuple) and not getattr(value, "__dict__", None):
            return {"tuple": several(value), **self.kind_of(value, (tuple,), at, loose)}
        if isinstance(value, frozenset) and type(value) is frozenset:
            items = several(value)
            self.sets.append(items)
            return {"frozenset": items}
        if isinstance(value, types.MethodType):
            return {"method": [self.value(value.__self__, at, loose), self.value(value.__func__, at, loose)]}
        if type(value) is PARTIAL:
            return {"partial": several((value.func, value.args, value.keywords))}
        if type(value) is weakref.ref:
            return {"weakref": self.value(value(), at, loose)}
        return None

    def kind_of(self, value: Any, usual: tuple[type, ...], at: str, loose: bool) -> dict[str, Any]:
        """Returns the class of a value where it is not the first of the usual ones."""
        return {} if type(value) is usual[0] else {"class": self.value(type(value), f"type({at})", loose)}

    def device(self, device: torch.device) -> str:
        return "" if device == self.anchors.device else str(device)

    # nodes

    def describe(self, value: Any, node: dict[str, Any], loose: bool) -> dict[str, Any]:
        """Returns what to save of an object that can change or be shared."""
        at = node["at"]
        if (anchor := self.anchored.get(id(value))) is not None:
            node["anchor"] = anchor
        if isinstance(value, Tensor):
            return self.tensor(value, at, loose)
        if is_compiled(value):
            return self.compiled(value, at, loose)
        for of, describe in KINDS.items():
            if isinstance(value, of):
                return describe(self, value, at, loose)
        if (found := self.object_(value, at, loose)) is not None:
            return found
        if loose or self.lenient or isinstance(value, OPAQUE) or inspect.isroutine(value):
            return {"kind": "opaque", "label": label(value)}
        raise StateError(f"{at} is a {type(value).__name__}, which a checkpoint cannot hold: {ADVICE}")

    def attributes(self, value: Any, at: str, loose: bool) -> list[Any]:
        """Returns [name, value] of each attribute that an object has of its own, in its dict and in slots."""
        names = {**{name: None for name in slots(type(value)) if hasattr(value, name)}, **getattr(value, "__dict__", {})}
        left_out = getattr(type(value), "_not_in_state", ())
        anchored = id(value) in self.anchored
        items = []
        for name in sorted(names) if self.lenient else names:
            item = getattr(value, name) if names[name] is None else names[name]
            usual = self.lenient and isinstance(item, bool | int | float | str) and item == getattr(type(value), name, None)
            if name not in left_out and not usual:
                inside = loose or (anchored and not name.endswith("_hooks"))
                items.append([name, self.value(item, f"{at}.{name}", inside)])
        return items

    def container(self, value: Any, usual: tuple[type, ...], at: str, loose: bool) -> dict[str, Any]:
        extra = self.attributes(value, at, loose) if hasattr(value, "__dict__") or slots(type(value)) else []
        return {**self.kind_of(value, usual, at, loose), **({"attributes": extra} if extra else {})}

    def list_(self, value: list[Any], at: str, loose: bool) -> dict[str, Any]:
        items = [self.value(item, f"{at}[{i}]", loose) for i, item in enumerate(list.__iter__(value))]
        return {"kind": "list", "items": items, **self.container(value, LISTS, at, loose)}

    def deque_(self, value: Any, at: str, loose: bool) -> dict[str, Any]:
        items = [self.value(item, f"{at}[{i}]", loose) for i, item in enumerate(value)]
        return {"kind": "deque", "items": items, "maxlen": value.maxlen, **self.container(value, DEQUES, at, loose)}

    def set_(self, value: set[Any], at: str, loose: bool) -> dict[str, Any]:
        items = [self.value(item, f"{at}{{{self.key(item)}}}", loose) for item in value]
        self.sets.append(items)
        return {"kind": "set", "items": items, **self.container(value, SETS, at, loose)}

    def dict_(self, value: dict[Any, Any], at: str, loose: bool) -> dict[str, Any]:
        places = [(key, item, f"{at}[{self.key(key)}]") for key, item in items_of(value)]
        if self.lenient:  # what is restored by other means, such as an optimizer's load_state_dict, may come back in another order
            places.sort(key=lambda place: place[2])
        pairs = [[self.value(key, f"{place}.key", loose), self.value(item, place, loose)] for key, item, place in places]
        factory = {"factory": self.value(value.default_factory, f"{at}.default_factory", loose)} if isinstance(value, defaultdict) else {}
        return {"kind": "dict", "pairs": pairs, **factory, **self.container(value, DICTS, at, loose)}

    def key(self, key: Any) -> str:
        """Returns a key in words."""
        if isinstance(key, bool | int | float | str | None):
            return "address" if isinstance(key, int) and abs(key) > SMALL else str(key)
        name = self.anchored.get(id(key), "")
        return name.removeprefix("self.model.") or type(key).__name__

    def object_(self, value: Any, at: str, loose: bool) -> dict[str, Any] | None:
        """Objects of plain Python classes; of those that only globals reach, the submission's own and networks."""
        kind = type(value)
        known = kind.__module__ in self.anchors.own or isinstance(value, types.SimpleNamespace | nn.Module)
        if not is_walkable(kind) or (loose and not known):
            return None
        return {"kind": "object", "class": self.value(kind, f"type({at})", loose), "attributes": self.attributes(value, at, loose)}

    def compiled(self, value: Any, at: str, loose: bool) -> dict[str, Any]:
        inner = {**getattr(value, "__dict__", {}), **(getattr(value, "__dict__", {}).get("_modules") or {})}
        held = [[name, self.value(inner[name], f"{at}.{name}", loose)] for name in COMPILED if name in inner]
        return {"kind": "opaque", "label": label(value), "attributes": held}

    def function(self, value: types.FunctionType, at: str, loose: bool) -> dict[str, Any]:
        cells = [
            self.value(cell, f"{at}.{name}", loose) for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        ]
        names = {"name": value.__name__, "qualname": value.__qualname__, "module": value.__module__}
        defaults = {
            "defaults": self.value(value.__defaults__, f"{at}.__defaults__", loose),
            "kwdefaults": [[name, self.value(item, f"{at}.{name}", loose)] for name, item in (value.__kwdefaults__ or {}).items()],
        }
        attributes = [[name, self.value(item, f"{at}.{name}", loose)] for name, item in vars(value).items()]
        return {"kind": "function", "code": list(key_of(value)), "cells": cells, "attributes": attributes, **names, **defaults}

    def cell(self, value: types.CellType, at: str, loose: bool) -> dict[str, Any]:
        try:
            return {"kind": "cell", "content": [self.value(value.cell_contents, at, loose)]}
        except ValueError:
            return {"kind": "cell", "content": []}

    def class_(self, value: type, at: str, loose: bool) -> dict[str, Any]:
        attributes = [[name, self.value(item, f"{value.__qualname__}.{name}", True)] for name, item in class_state(value).items()]
        return {"kind": "class", "name": [value.__module__, value.__qualname__], "attributes": attributes}

    def array(self, value: np.ndarray[Any, Any], at: str, loose: bool) -> dict[str, Any]:
        if type(value) is not np.ndarray or value.dtype.hasobject or value.dtype.names:
            raise StateError(f"{at} is a {type(value).__name__} of {value.dtype}, which a checkpoint cannot hold: {ADVICE}")
        order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        blob = torch.frombuffer(bytearray(value.tobytes(order)), dtype=torch.uint8) if value.size else torch.empty(0, dtype=torch.uint8)
        return {"kind": "array", "dtype": value.dtype.str, "shape": list(value.shape), "order": order, "blob": self.blob(blob)}

    def torch_generator(self, value: torch.Generator, at: str, loose: bool) -> dict[str, Any]:
        return {"kind": "torch.Generator", "device": self.device(value.device), "blob": self.blob(value.get_state())}

    def python_random(self, value: random.Random, at: str, loose: bool) -> dict[str, Any]:
        return {"kind": "random.Random", "state": self.value(value.getstate(), at, loose)}

    def numpy_random(self, value: Any, at: str, loose: bool) -> dict[str, Any]:
        bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
        names = {"kind": "numpy.random", "label": f"{type(value).__name__}({type(bits).__name__})"}
        return {**names, "state": self.value(bits.state, f"{at}.state", loose)}

    def blob(self, data: Tensor) -> int:
        return self.blobs.append(data) or len(self.blobs) - 1  # type: ignore[func-returns-value]

    # tensors

    def tensor(self, value: Tensor, at: str, loose: bool) -> dict[str, Any]:
        graph = "" if value.grad_fn is None else "view" if value._is_view() and value._base is not None and value._base.is_leaf else "graph"
        if type(value) not in (Tensor, nn.Parameter):
            raise StateError(f"{at} is a {type(value).__name__}, which a checkpoint cannot hold: make it a plain tensor")
        if value.layout != torch.strided or value.is_quantized or value.is_conj() or value.is_neg() or value.is_meta:
            raise StateError(
                f"{at} is a tensor of a kind that a checkpoint cannot hold (sparse, quantized, conjugate or meta): make it dense"
            )
        if graph == "graph" and id(value) not in self.grads:
            raise StateError(f"{at} is a tensor with an autograd graph, which a checkpoint cannot hold: detach() it before the step ends")
        leaf = value.grad_fn is None
        grad = value.grad if leaf else None
        if grad is not None:
            self.grads.add(id(grad))
        return {
            "kind": "tensor",
            "class": "Parameter" if isinstance(value, nn.Parameter) else "Tensor",
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "stride": list(value.stride()),
            "requires_grad": value.requires_grad and graph != "graph",
            "view": graph == "view",
            "grad": self.value(grad, f"{at}.grad", False),
            "attributes": [[name, self.value(item, f"{at}.{name}", False)] for name, item in vars(value).items()],
            **{name: self.value(self.hooks(value, name) if leaf else None, f"{at}.{name}", False) for name in HOOKS},
        }

    def hooks(self, value: Tensor, name: str) -> Any:
        return (getattr(value, name) or None) if self.lenient else getattr(value, name)  # torch.load leaves an empty dict

    def storages(self) -> list[dict[str, Any]]:
        """Returns for each piece of memory which bytes of it are used; where a parameter covers it, the bytes are with the weights."""
        groups: dict[int, list[int]] = {}
        spans: list[tuple[int, int, str]] = []
        for number, (node, value) in enumerate(zip(self.nodes, self.objects, strict=True)):
            if node["kind"] == "tensor" and value.numel():
                groups.setdefault(value.untyped_storage()._cdata, []).append(number)
            elif node["kind"] == "array" and value.size:
                low, high = np.lib.array_utils.byte_bounds(value)
                spans.append((low, high, node["at"]))
        found = []
        for storage, members in enumerate(groups.values()):
            extents = [extent(self.objects[number]) for number in members]
            low, high = min(low for low, _ in extents) // ALIGNMENT * ALIGNMENT, max(high for _, high in extents)
            first = self.objects[members[0]]
            for number, (start, _) in zip(members, extents, strict=True):
                self.nodes[number].update(storage=storage, offset=start - low)
            covered = any(
                "anchor" in self.nodes[number] and ends == (low, high) and self.objects[number].nbytes == high - low
                for number, ends in zip(members, extents, strict=True)
            )
            memory = torch.empty(0, dtype=torch.uint8, device=first.device).set_(first.untyped_storage())[low:high]
            blob = None if covered else self.blob(memory.cpu() if memory.is_cuda else memory.clone())
            found.append({"device": self.device(first.device), "bytes": high - low, "blob": blob, "at": self.nodes[members[0]]["at"]})
            if first.device.type == "cpu":
                spans.append((memory.data_ptr(), memory.data_ptr() + high - low, self.nodes[members[0]]["at"]))
        spans.sort()
        for one, other in pairwise(spans):
            if other[0] < one[1]:
                raise StateError(f"{other[2]} and {one[2]} share memory through numpy, which a checkpoint cannot hold: keep one of them")
        return found

    def find_addresses(self) -> None:
        """Turns whole numbers that are addresses of saved objects into references to them."""
        pointers = {x.data_ptr(): i for i, x in enumerate(self.objects) if self.large and isinstance(x, Tensor) and x.numel()}
        for numbers in self.large:
            for tag, addresses in (("id", self.index), ("pointer", pointers)):
                if numbers.get("int") in addresses:
                    numbers[tag] = addresses[numbers.pop("int")]


KINDS: dict[type, Callable[[_Walk, Any, str, bool], dict[str, Any]]] = {
    list: _Walk.list_,
    dict: _Walk.dict_,
    set: _Walk.set_,
    deque: _Walk.deque_,
    types.FunctionType: _Walk.function,
    types.CellType: _Walk.cell,
    type: _Walk.class_,
    np.ndarray: _Walk.array,
    torch.Generator: _Walk.torch_generator,
    random.Random: _Walk.python_random,
    np.random.Generator: _Walk.numpy_random,
    np.random.RandomState: _Walk.numpy_random,
}
