"""Finding the objects that are there: both graphs are walked side by side, from the submission, the model and the modules."""

import random
import types
import weakref
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.state.anchors import Anchors, StateError
from harness.state.build import CONTAINERS, Builder
from harness.state.code import key_of, resolve
from harness.state.objects import class_state, items_of, label, slots
from harness.state.save import HOOKS


class Matcher(Builder):
    """Finds the objects that are in the places of saved ones."""

    def __init__(self, graph: dict[str, Any], blobs: list[Tensor], anchors: Anchors) -> None:
        super().__init__(graph, blobs, anchors)
        self.visited: set[int] = set()
        self.pairs: deque[tuple[Any, Any]] = deque()
        by_name = anchors.by_name()
        for number, node in enumerate(self.nodes):
            if "anchor" in node:
                if node["anchor"] not in by_name:
                    raise StateError(f"{node['anchor']} is not part of the model any more")
                self.claim(number, by_name[node["anchor"]])

    def match(self, saved: Any, item: Any) -> None:
        """Takes note that an object is in the place of a saved one, and goes on to what both hold."""
        if not isinstance(saved, dict):
            return
        if "ref" in saved:
            number = saved["ref"]
            if number not in self.objects and id(item) not in self.claimed and self.fits(self.nodes[number], item):
                self.claim(number, item)
            if self.objects.get(number, self) is item and number not in self.visited:
                self.visited.add(number)
                self.pairs += self.inside(self.nodes[number], item)
        elif "tuple" in saved and isinstance(item, tuple):
            self.pairs += zip(saved["tuple"], item, strict=False)
        elif "method" in saved and isinstance(item, types.MethodType):
            self.pairs += zip(saved["method"], (item.__self__, item.__func__), strict=True)
        elif "partial" in saved and isinstance(item, partial):
            self.pairs += zip(saved["partial"], (item.func, item.args, item.keywords), strict=True)
        elif "weakref" in saved and isinstance(item, weakref.ref):
            self.pairs.append((saved["weakref"], item()))

    def inside(self, node: dict[str, Any], item: Any) -> Iterator[tuple[Any, Any]]:
        """Yields the parts of a node with those of the object that is there."""
        kind = node["kind"]
        if "class" in node and kind != "tensor":
            yield node["class"], type(item)
        there = class_state(item) if kind == "class" else attributes_of(item)
        yield from ((value, there.get(name)) for name, value in node.get("attributes", ()))
        if kind in ("list", "deque"):
            yield from zip(node["items"], item, strict=False)
        elif kind == "dict":
            yield from self.inside_dict(node["pairs"], item)
            yield node.get("factory"), getattr(item, "default_factory", None)
        elif kind == "function":
            yield from zip(node["cells"], item.__closure__ or (), strict=True)
            yield node["defaults"], item.__defaults__
            yield from ((value, (item.__kwdefaults__ or {}).get(name)) for name, value in node["kwdefaults"])
        elif kind == "cell":
            yield from ((value, content) for value, content in zip(node["content"], contents(item), strict=False))
        elif kind == "tensor" and item.is_leaf:
            yield from ((node[name], getattr(item, name)) for name in ("grad", *HOOKS))

    def inside_dict(self, pairs: list[Any], item: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Pairs values by key; where keys are objects that are not known yet, by place."""
        left, unknown = dict(items_of(item)), []
        for key, value in pairs:
            found = self.known(key)
            if found and is_hashable(found[0]) and found[0] in left:
                yield value, left.pop(found[0])
            else:
                unknown.append((key, value))
        for (key, value), (other_key, other) in zip(unknown, left.items(), strict=False):
            yield key, other_key
            yield value, other

    def known(self, saved: Any) -> tuple[Any] | None:
        """Returns a saved value if all objects that it refers to have been found."""
        if isinstance(saved, dict):
            for tag in ("ref", "id", "pointer"):
                if tag in saved and saved[tag] not in self.objects:
                    return None
            if any(tag in saved for tag in ("method", "partial", "weakref", "class", "frozenset")):
                return None
            if "tuple" in saved and not all(self.known(part) for part in saved["tuple"]):
                return None
        return (self.value(saved),)

    def fits(self, node: dict[str, Any], item: Any) -> bool:
        """Whether an object can be filled with what was saved."""
        kind = node["kind"]
        if kind in CONTAINERS:
            same = isinstance(item, CONTAINERS[kind]) and self._is_class(node.get("class"), type(item), CONTAINERS[kind])
            return same and (kind != "deque" or item.maxlen == node["maxlen"])
        if kind == "tensor":
            return isinstance(item, Tensor) and self._same_layout(node, item)
        if kind == "object":
            return self._is_class(node["class"], type(item), object)
        if kind == "function":
            return isinstance(item, types.FunctionType) and list(key_of(item)) == node["code"]
        if kind == "class":
            return isinstance(item, type) and [item.__module__, item.__qualname__] == node["name"]
        if kind == "array":
            order = "F" if isinstance(item, np.ndarray) and item.flags.f_contiguous and not item.flags.c_contiguous else "C"
            layout = (node["dtype"], node["shape"], node["order"])
            return type(item) is np.ndarray and (item.dtype.str, list(item.shape), order) == layout and item.flags.writeable
        if kind == "torch.Generator":
            return isinstance(item, torch.Generator) and item.device == self.device(node["device"])
        if kind == "numpy.random":
            return isinstance(item, np.random.Generator | np.random.RandomState) and random_label(item) == node["label"]
        if kind == "opaque":
            return label(item) == node["label"]
        return type(item) is {"cell": types.CellType, "random.Random": random.Random}[kind]

    def _same_layout(self, node: dict[str, Any], item: Tensor) -> bool:
        is_view = item.grad_fn is not None
        form = (str(item.dtype).removeprefix("torch."), list(item.shape), is_view)
        device = self.device(self.graph["storages"][node["storage"]]["device"]) if "storage" in node else item.device
        same_class = isinstance(item, nn.Parameter) == (node["class"] == "Parameter") and type(item) in (Tensor, nn.Parameter)
        return same_class and form == (node["dtype"], node["shape"], node["view"]) and item.device == device

    def _is_class(self, saved: Any, kind: type, usual: type) -> bool:
        if saved is None:
            return kind is usual
        name = self.nodes[saved["ref"]]["name"] if "ref" in saved else saved["name"]
        return name == [kind.__module__, kind.__qualname__] or (resolve(name[0], name[1], self.anchors) is kind)


def attributes_of(item: Any) -> dict[str, Any]:
    """Returns what an object has in slots and in its dict."""
    in_slots = {name: getattr(item, name) for name in slots(type(item)) if hasattr(item, name)}
    own = dict(getattr(item, "__dict__", {}))
    return {**(own.get("_modules") or {}), **in_slots, **own}


def contents(cell: types.CellType) -> list[Any]:
    """Returns what is in a cell: one thing or none."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def is_hashable(key: Any) -> bool:
    """Whether something can be a key."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


def random_label(item: Any) -> str:
    """Returns the classes of a numpy generator and of what is in it."""
    bits = item.bit_generator if isinstance(item, np.random.Generator) else item._bit_generator
    return f"{type(item).__name__}({type(bits).__name__})"
