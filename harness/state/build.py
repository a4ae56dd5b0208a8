"""Building what was saved: values, and empty objects of nodes for which there is none yet."""

import random
import sys
import types
import weakref
from collections import deque
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.state.anchors import Anchors, StateError
from harness.state.code import find_code, key_of, resolve

CONTAINERS: dict[str, type] = {"list": list, "dict": dict, "set": set, "deque": deque}


class Builder:
    """The nodes of a saved graph with the objects that they are now, by number."""

    def __init__(self, graph: dict[str, Any], blobs: list[Tensor], anchors: Anchors) -> None:
        self.graph, self.nodes, self.blobs, self.anchors = graph, graph["nodes"], blobs, anchors
        self.objects: dict[int, Any] = {}
        self.claimed: dict[int, int] = {}

    def claim(self, number: int, item: object) -> None:
        """Takes an object for a node, and for no other."""
        self.objects[number] = item
        self.claimed[id(item)] = number

    def value(self, saved: Any) -> Any:
        """Returns a saved value, with the objects that are there now in place of nodes."""
        if not isinstance(saved, dict):
            return saved
        tag, content = next((tag, content) for tag, content in saved.items() if tag != "class")
        if tag == "ref":
            return self.item(content)
        if tag == "tuple":
            return self._from_tuple(saved)
        if tag in SIMPLE:
            return SIMPLE[tag](content)
        if tag in ("range", "slice"):
            return {"range": range, "slice": slice}[tag](*map(self.value, content))
        return getattr(self, f"_from_{tag}")(content)

    def _from_tuple(self, saved: dict[str, Any]) -> Any:
        items = [self.value(part) for part in saved["tuple"]]
        kind = self.value(saved["class"]) if "class" in saved else tuple
        return torch.Size(items) if kind is torch.Size else tuple.__new__(kind, items)

    def _from_given(self, name: str) -> Any:
        return self.anchors.given[name]

    def _from_device(self, name: str) -> torch.device:
        return self.device(name)

    def device(self, name: str) -> torch.device:
        """Returns a device by its saved name, which is empty for the model's."""
        return torch.device(name) if name else self.anchors.device

    def _from_id(self, number: int) -> int:
        return id(self.item(number))

    def _from_pointer(self, number: int) -> int:
        pointer: int = self.item(number).data_ptr()
        return pointer

    def _from_module(self, name: str) -> Any:
        return resolved(sys.modules.get(name), f"the module {name}")

    def _from_name(self, name: list[str]) -> Any:
        return resolved(resolve(name[0], name[1], self.anchors), ".".join(name))

    def _from_enum(self, content: list[Any]) -> Any:
        return self.value(content[0])[content[1]]

    def _from_frozenset(self, items: list[Any]) -> frozenset[Any]:
        return frozenset(map(self.value, items))

    def _from_method(self, content: list[Any]) -> Any:
        owner, function = map(self.value, content)
        return types.MethodType(function, owner)

    def _from_builtin(self, content: list[Any]) -> Any:
        return getattr(self.value(content[0]), content[1])

    def _from_partial(self, content: list[Any]) -> Any:
        function, arguments, keywords = map(self.value, content)
        made: Any = partial(function)
        made.__setstate__((function, arguments, keywords, None))
        return made

    def _from_weakref(self, content: Any) -> Any:
        target = self.value(content)
        return weakref.ref(target) if target is not None else weakref.ref(type("Gone", (), {})())

    def item(self, number: int) -> Any:
        """Returns the object of a node; an empty one is built where there is none."""
        if number not in self.objects:
            self.claim(number, self._build(self.nodes[number]))
        return self.objects[number]

    def _build(self, node: dict[str, Any]) -> Any:
        kind, at = node["kind"], node["at"]
        if kind in CONTAINERS:
            usual = CONTAINERS[kind]
            made: Any = usual.__new__(self.value(node["class"]) if "class" in node else usual)  # type: ignore[call-overload]
            if kind == "deque":
                deque.__init__(made, (), node["maxlen"])
            return made
        if kind == "object":
            of = self.value(node["class"])
            return of() if of is types.SimpleNamespace else object.__new__(of)
        if kind == "function":
            return self._build_function(node)
        if kind == "class":
            return resolved(resolve(node["name"][0], node["name"][1], self.anchors), f"{at}, the class {node['name'][1]},")
        if kind == "cell":
            return types.CellType()
        if kind == "array":
            return np.empty(node["shape"], np.dtype(node["dtype"]), node["order"])
        if kind == "torch.Generator":
            return torch.Generator(self.device(node["device"]))
        if kind == "random.Random":
            return random.Random()
        if kind == "numpy.random":
            outer, bits = node["label"][:-1].split("(")
            return getattr(np.random, outer)(getattr(np.random, bits)())
        raise StateError(f"{at} is a {node['label']} that was made after setup(), which a checkpoint cannot hold: make it in setup")

    def _build_function(self, node: dict[str, Any]) -> types.FunctionType:
        named = resolve(node["module"] or "", node["qualname"], self.anchors)
        if isinstance(named, types.FunctionType) and list(key_of(named)) == node["code"] and not node["cells"]:
            return named
        if (found := find_code(tuple(node["code"]), self.anchors)) is None:
            raise StateError(
                f"{node['at']} is the function {node['qualname']}, which is not found again: define it in a module, or in setup"
            )
        made = types.FunctionType(*found, node["name"], None, tuple(map(self.value, node["cells"])))
        made.__qualname__, made.__module__ = node["qualname"], node["module"]
        return made


def resolved(found: Any, name: str) -> Any:
    """Returns what was found by name; raises StateError when nothing was."""
    if found is None:
        raise StateError(f"{name} is not found again: import or define it at the top of submission.py")
    return found


def torch_value(name: str) -> Any:
    """Returns a dtype, layout or memory format."""
    return getattr(torch, name)


SIMPLE: dict[str, Any] = {
    "int": int,
    "complex": lambda parts: complex(*parts),
    "bytes": bytes.fromhex,
    "numpy": lambda parts: np.frombuffer(bytes.fromhex(parts[1]), np.dtype(parts[0]))[0],
    "dtype": np.dtype,
    "torch": torch_value,
    "constant": {"Ellipsis": ..., "NotImplemented": NotImplemented}.__getitem__,
}
