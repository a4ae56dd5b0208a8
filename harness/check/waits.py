"""Lint: per-step synchronisation. On a GPU each of these waits for the device in every step."""

import ast
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.source import Function, Source

PER_STEP = {"step", "select", "done"}
METHODS = ("item", "cpu", "tolist", "numpy")
ADVICE = "in every step it waits for the device: keep it a tensor, or do it seldom"


def waits(source: Source) -> Iterator[Finding]:
    """Yields what makes `step`, `select` and `done`, and what they call in this file, wait for the device."""
    functions = [node for node in ast.walk(source.tree) if isinstance(node, Function)]
    for function in _per_step(functions):
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            name = source.dotted(node.func) or ""
            if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                yield source.finding("warning", node, f".{node.func.attr}() in {function.name}", ADVICE)
            elif name in ("print", "torch.cuda.synchronize"):
                yield source.finding("warning", node, f"{name}() in {function.name}", ADVICE)


def _per_step(functions: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Returns the functions that run in every step: those above, and all that they call by name."""
    wanted, known = set(PER_STEP), {function.name for function in functions}
    while True:
        found = [function for function in functions if function.name in wanted]
        called = {_last(node.func) for function in found for node in ast.walk(function) if isinstance(node, ast.Call)}
        if not (new := (called & known) - wanted):
            return found
        wanted |= new


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
