"""Code by name: functions, classes and modules are never stored, only where to find them again."""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from harness.state.anchors import Anchors

Key = tuple[str, str, str]
"""Module, qualified name and a digest of the positions in the source, which tells two lambdas on one line apart."""


def resolve(module: str, qualified_name: str, anchors: Anchors) -> Any:
    """Returns what has this name in a module that is loaded, or None."""
    scope: Mapping[str, Any] | None = anchors.own.get(module)
    if scope is None:
        scope = vars(sys.modules[module]) if module in sys.modules else {}
    first, *rest = qualified_name.split(".")
    found = scope.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found


def name_of(value: Any, anchors: Anchors) -> list[str] | None:
    """Returns [module, qualified name] under which this very object is found again, or None."""
    owner = getattr(value, "__objclass__", None)
    module = getattr(value, "__module__", None) or getattr(owner, "__module__", None)
    for name in (getattr(value, "__qualname__", None), getattr(value, "__name__", None)):
        if isinstance(module, str) and isinstance(name, str):
            found = resolve(module, name, anchors)
            if found is value:
                return [module, name]
    return None


def key_of(function: FunctionType) -> Key:
    """Returns where the code of a function is."""
    return _key(function.__globals__.get("__name__", ""), function.__code__)


def find_code(key: Key, anchors: Anchors) -> tuple[CodeType, dict[str, Any]] | None:
    """Returns the code of this key with its globals, from a module that is loaded."""
    module = key[0]
    scope = anchors.own.get(module) or (vars(sys.modules[module]) if module in sys.modules else None)
    if scope is None:
        return None
    found = _index(module, _Scope(scope)).get(key)
    return (found, scope) if found else None


class _Scope:
    """The globals of a module, hashable by identity."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    def __hash__(self) -> int:
        return id(self.scope)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Scope) and other.scope is self.scope


def _key(module: str, code: CodeType) -> Key:
    return module, code.co_qualname, _digest(code)


@cache
def _digest(code: CodeType) -> str:
    return hashlib.sha256(repr((list(code.co_positions()), code.co_names, code.co_code)).encode()).hexdigest()[:16]


@cache
def _index(module: str, scope: _Scope) -> dict[Key, CodeType]:
    """Returns all code that functions and classes of a module hold."""
    return {_key(module, code): code for code in _codes(module, list(scope.scope.values()), set())}


def _codes(module: str, values: list[Any], seen: set[int]) -> Iterator[CodeType]:
    """Yields the code of functions of a module that these values, their closures and wrapped functions hold, and the code inside it."""
    while values:
        value = values.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, CodeType):
            yield value
            values += value.co_consts
        elif isinstance(value, FunctionType):
            if value.__globals__.get("__name__") == module:
                values.append(value.__code__)
            values += [getattr(value, "__wrapped__", None), *(cell.cell_contents for cell in value.__closure__ or () if _is_full(cell))]
        elif isinstance(value, type) and value.__module__ == module:
            values += vars(value).values()
        elif isinstance(value, staticmethod | classmethod):
            values.append(value.__func__)
        elif isinstance(value, property):
            values += [value.fget, value.fset, value.fdel]


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
