"""Comparing states: what is different bit by bit, and what kinds of things a state holds."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

ENTRIES = ("attributes", "items", "pairs", "cells", "content")


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Returns the names of what is different in any bit, up to the first thing that is of another kind."""
    one, other = json.loads(ours["graph"]), json.loads(theirs["graph"])
    found = []
    pairs = [(one["root"], other["root"]), *zip(one["nodes"], other["nodes"], strict=False)]
    for mine, its in pairs:
        here, there = dict(_entries(mine)), dict(_entries(its))
        names = [*here, *(name for name in there if name not in here)]
        different = [name for name in names if _text(here.get(name)) != _text(there.get(name))]
        if mine.get("blob") is not None and its.get("blob") is not None and not different:
            different = [] if _same(ours["tensors"][mine["blob"]], theirs["tensors"][its["blob"]]) else [mine["at"]]
        found += different
        if any("{" in _text(here.get(name)) + _text(there.get(name)) or name not in here or name not in there for name in different):
            return found
    for mine, its in zip(one["storages"], other["storages"], strict=False):
        blobs = [state["tensors"][part["blob"]] if part["blob"] is not None else None for state, part in ((ours, mine), (theirs, its))]
        if mine["device"] != its["device"] or not _same(*blobs):
            found.append(mine["at"])
    if not found and (len(one["nodes"]), len(one["storages"])) != (len(other["nodes"]), len(other["storages"])):
        found.append("self")
    return list(dict.fromkeys(found))


def kinds(state: Mapping[str, Any]) -> frozenset[str]:
    """Returns what a state holds apart from values: names (indices left out), kinds, types and shapes, and what is shared."""
    graph = json.loads(state["graph"])
    found = set()
    for node in (graph["root"], *graph["nodes"]):
        parts = (
            node["at"],
            *(_text(node.get(name)) for name in ("kind", "class", "dtype", "shape", "stride", "requires_grad", "code", "label")),
        )
        found.add("|".join(parts))
        for name, entry in _entries(node):
            for tag in entry if isinstance(entry, dict) else ():
                place = graph["nodes"][entry["ref"]]["at"] if tag == "ref" else ""
                if place != name:
                    found.add(f"{name}|{tag}|{place}")
    return frozenset(re.sub(r"\[\d+\]", "[*]", name) for name in found)


def _entries(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the parts of a node by name."""
    at = node["at"]
    for field, value in node.items():
        if field == "attributes":
            yield from ((f"{at}.{name}", item) for name, item in value)
        elif field in ("items", "cells", "content"):
            yield from ((f"{at}[{i}]" if field == "items" else f"{at}.{field}[{i}]", item) for i, item in enumerate(value))
        elif field == "pairs":
            yield from ((f"{at}[{key if not isinstance(key, dict) else f'key {i}'}]", [key, item]) for i, (key, item) in enumerate(value))
        elif field == "settings":
            yield from ((f"torch's {name}", item) for name, item in value.items())
        elif field == "own":
            yield from ((f"{module}:{name}", item) for module, scope in value.items() for name, item in scope)
        elif field in ("grad", "_backward_hooks", "_post_accumulate_grad_hooks"):
            yield f"{at}.{field}", value
        elif field not in ("at", "blob", "storage"):
            yield f"{at}" if field in ("dtype", "shape", "class", "kind") else f"{at} ({field})", [field, value]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _same(ours: Tensor | None, theirs: Tensor | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return ours.shape == theirs.shape and torch.equal(ours, theirs)
