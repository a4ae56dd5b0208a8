"""Restoring: the objects that `setup` made are filled, in place where they are of the same kind; what is missing is built.

First both graphs are walked side by side, from the submission and the model, which finds for a node the object that it is now. Nodes
without one are built from their class, as pickle does, without calling its `__init__`. Then every object is filled.
"""

import json
import types
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from harness.state.anchors import GLOBAL_HOOKS, SETTINGS, Anchors, StateError
from harness.state.build import CONTAINERS
from harness.state.match import Matcher, contents
from harness.state.objects import class_state, slots
from harness.state.save import HOOKS

LAST = ("dict", "set")
"""Filled after everything else, since a key's hash may depend on what it holds."""


def restore(state: Mapping[str, Any], root: object, anchors: Anchors) -> None:
    """Brings `root`, on which `setup` has been called, the model and the submission's modules back to a saved state.

    Values of parameters and buffers are those of the weights' file and must be in the model already.

    Raises:
        StateError: something that `setup` did not make cannot be built; the message names it.
    """
    _Restoration(json.loads(state["graph"]), state["tensors"], anchors).run(root)


class _Restoration(Matcher):
    def run(self, root: object) -> None:
        saved = self.graph["root"]
        self.pairs += [(saved["self"], root), (saved["model"], self.anchors.model)]
        self.pairs += [(saved["hooks"][name], registered) for name, registered in GLOBAL_HOOKS.items() if name in saved["hooks"]]
        for module, names in saved["own"].items():
            self.pairs += [(item, self.anchors.own.get(module, {}).get(name)) for name, item in names]
        while self.pairs:
            self.match(*self.pairs.popleft())
        if isinstance(saved["self"], dict) and "ref" in saved["self"] and self.objects.get(saved["self"]["ref"]) is not root:
            raise StateError(f"self is a {type(root).__name__}, but it was another class when it was saved")
        for name, value in saved["settings"].items():
            get, put = SETTINGS[name]
            if get() != (wanted := self.value(value)):
                put(wanted)
        with torch.no_grad():
            self.tensors()
        numbers = range(len(self.nodes))
        for number in numbers:
            self.item(number)
        first = [number for number in numbers if self.nodes[number]["kind"] not in LAST]
        for number in (*first, *(number for number in numbers if self.nodes[number]["kind"] in LAST)):
            self.fill(self.nodes[number], self.objects[number])
        for module, names in saved["own"].items():
            self.fill_scope(self.anchors.own[module], names)
        for number in numbers:
            self.finish(self.nodes[number], self.objects[number])
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.graph["next_hook"])

    # tensors

    def tensors(self) -> None:
        """Fills the memory of tensors in place where all that share it do so already, and moves them to new memory where not."""
        members: dict[int, list[int]] = {}
        for number, node in enumerate(self.nodes):
            if node["kind"] == "tensor" and "storage" in node:
                members.setdefault(node["storage"], []).append(number)
            elif node["kind"] == "tensor" and number not in self.objects:
                empty = torch.empty(node["shape"], dtype=getattr(torch, node["dtype"]), device=self.anchors.device)
                self.claim(number, self.wrapped(node, empty))
        taken: set[int] = set()
        for storage, numbers in members.items():
            self.memory(self.graph["storages"][storage], numbers, taken)

    def memory(self, storage: dict[str, Any], numbers: list[int], taken: set[int]) -> None:
        found = [(self.nodes[number], self.objects[number]) for number in numbers if number in self.objects]
        places = {(x.untyped_storage()._cdata, x.storage_offset() * x.itemsize - node["offset"]) for node, x in found}
        shift = next(iter(places))[1] if len(places) == 1 else -1
        fits = shift >= 0 and shift + storage["bytes"] <= found[0][1].untyped_storage().nbytes()
        in_place = fits and not taken & {cdata for cdata, _ in places} and all(list(x.stride()) == node["stride"] for node, x in found)
        blob = None if storage["blob"] is None else self.blobs[storage["blob"]]
        if in_place:
            taken.update(cdata for cdata, _ in places)
            memory = torch.empty(0, dtype=torch.uint8, device=found[0][1].device).set_(found[0][1].untyped_storage())
            if blob is not None:
                memory[shift : shift + storage["bytes"]].copy_(blob)
        else:
            shift = 0
            memory = torch.empty(storage["bytes"], dtype=torch.uint8, device=self.device(storage["device"]))
            if blob is not None:
                memory.copy_(blob)
            else:
                node, anchor = next((node, x) for node, x in found if "anchor" in node and x.nbytes == storage["bytes"])
                view(memory, node, shift).copy_(anchor)
        for number in numbers:
            node = self.nodes[number]
            if number not in self.objects:
                self.claim(number, self.wrapped(node, view(memory, node, shift)))
            elif not in_place:
                self.moved(node, self.objects[number], view(memory, node, shift))

    def wrapped(self, node: dict[str, Any], data: Tensor) -> Tensor:
        if node["view"]:
            raise StateError(
                f"{node['at']} is a differentiable view that was made after setup(), which a checkpoint cannot hold: detach() it"
            )
        return nn.Parameter(data, requires_grad=False) if node["class"] == "Parameter" else data

    def moved(self, node: dict[str, Any], item: Tensor, data: Tensor) -> None:
        if node["view"]:
            raise StateError(f"{node['at']} is a differentiable view whose memory was replaced after setup(): detach() it")
        item.data = data

    # filling

    def fill(self, node: dict[str, Any], item: Any) -> None:
        kind = node["kind"]
        if kind == "list":
            list.__setitem__(item, slice(None), [self.value(part) for part in node["items"]])
        elif kind == "deque":
            parts = [self.value(part) for part in node["items"]]
            item.clear()
            item.extend(parts)
        elif kind == "set":
            parts = [self.value(part) for part in node["items"]]
            set.clear(item)
            set.update(item, parts)
        elif kind == "dict":
            self.fill_dict(node, item)
        elif kind == "cell":
            fill_cell(item, [self.value(part) for part in node["content"]])
        elif kind == "function":
            self.fill_function(node, item)
        elif kind == "class":
            self.fill_class(node, item)
        elif kind == "array":
            data = self.blobs[node["blob"]].numpy().tobytes()
            item[...] = np.frombuffer(data, np.dtype(node["dtype"])).reshape(node["shape"], order=node["order"])
        if kind in CONTAINERS or kind in ("object", "tensor"):
            self.fill_attributes(node, item)
        if kind == "object" and isinstance(item, torch.optim.Optimizer):
            item._patch_step_function()

    def fill_attributes(self, node: dict[str, Any], item: Any) -> None:
        of = type(item)
        wanted = {name: self.value(value) for name, value in node.get("attributes", ())}
        in_slots = set(slots(of))
        for name in in_slots:
            if name in wanted:
                object.__setattr__(item, name, wanted[name])
            elif hasattr(item, name):
                object.__delattr__(item, name)
        if hasattr(item, "__dict__"):
            left_out = getattr(of, "_not_in_state", ())
            kept = {name: value for name, value in item.__dict__.items() if name in left_out}
            now = {**kept, **{name: value for name, value in wanted.items() if name not in in_slots}}
            if list(item.__dict__) != list(now) or any(item.__dict__[name] is not now[name] for name in now):
                item.__dict__.clear()
                item.__dict__.update(now)

    def fill_dict(self, node: dict[str, Any], item: dict[Any, Any]) -> None:
        kind = OrderedDict if isinstance(item, OrderedDict) else dict
        pairs = [(self.value(key), self.value(value)) for key, value in node["pairs"]]
        kind.clear(item)
        for key, value in pairs:
            kind.__setitem__(item, key, value)
        if isinstance(item, defaultdict):
            item.default_factory = self.value(node["factory"])

    def fill_function(self, node: dict[str, Any], item: types.FunctionType) -> None:
        cells = [self.value(cell) for cell in node["cells"]]
        if any(one is not other for one, other in zip_longest(cells, item.__closure__ or ())):
            raise StateError(f"{node['at']} is the function {node['qualname']}, whose variables were shared otherwise when it was saved")
        defaults, keywords = self.value(node["defaults"]), {name: self.value(value) for name, value in node["kwdefaults"]}
        if differ(defaults or (), item.__defaults__ or ()):
            item.__defaults__ = defaults
        if differ(keywords.values(), (item.__kwdefaults__ or {}).values()):
            item.__kwdefaults__ = keywords
        attributes = {name: self.value(value) for name, value in node["attributes"]}
        item.__dict__.clear()
        item.__dict__.update(attributes)

    def fill_class(self, node: dict[str, Any], item: type) -> None:
        there = class_state(item)
        for name, saved in node["attributes"]:
            value = self.value(saved)
            plain = name not in there or there[name] is vars(item)[name]
            if plain and (name not in there or differ([value], [there[name]])):
                setattr(item, name, value)
        for name in there.keys() - {name for name, _ in node["attributes"]}:
            delattr(item, name)

    def fill_scope(self, scope: dict[str, Any], names: list[Any]) -> None:
        wanted = {name: self.value(value) for name, value in names}
        scope.update({name: value for name, value in wanted.items() if name not in scope or differ([value], [scope[name]])})
        for name in [n for n, x in scope.items() if n not in wanted and not n.startswith("__") and not isinstance(x, types.ModuleType)]:
            del scope[name]

    def finish(self, node: dict[str, Any], item: Any) -> None:
        """Sets what is not an item or an attribute: flags, gradients and hooks of tensors, states of generators."""
        kind = node["kind"]
        if kind == "tensor" and item.is_leaf:
            if item.requires_grad != node["requires_grad"]:
                item.requires_grad_(node["requires_grad"])
            for name in ("grad", *HOOKS):
                if getattr(item, name) is not (wanted := self.value(node[name])):
                    setattr(item, name, wanted)
        elif kind == "torch.Generator":
            item.set_state(self.blobs[node["blob"]])
        elif kind == "random.Random":
            item.setstate(self.value(node["state"]))
        elif kind == "numpy.random":
            (item.bit_generator if isinstance(item, np.random.Generator) else item._bit_generator).state = self.value(node["state"])


def view(memory: Tensor, node: dict[str, Any], shift: int) -> Tensor:
    """Returns a tensor of the layout of a node in a piece of memory."""
    empty = torch.empty(0, dtype=getattr(torch, node["dtype"]), device=memory.device)
    return empty.set_(memory.untyped_storage(), (shift + node["offset"]) // empty.itemsize, node["shape"], node["stride"])


def fill_cell(cell: types.CellType, content: list[Any]) -> None:
    """Puts one thing or none into a cell."""
    if content:
        cell.cell_contents = content[0]
    elif contents(cell):
        del cell.cell_contents


def differ(ours: Any, theirs: Any) -> bool:
    """Whether two sequences are not the same objects, or equal plain values."""
    simple = (bool, int, float, str)
    pairs = list(zip_longest(ours, theirs, fillvalue=differ))
    return any(a is not b and not (type(a) is type(b) and type(a) in simple and a == b) for a, b in pairs)
