"""Lint: code that behaves differently depending on which workload it trains."""

import ast
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.source import Source, assignments

FACTS = ("metric", "target", "loss_kind", "step_hint", "reference_batch", "budget_s", "evaluate_every", "num_samples")
SIZES = ("shape", "numel", "size", "parameters", "named_parameters", "modules", "nelement", "num_embeddings", "out_features", "num_samples")
NAMES = ("name", "n", "key", "param_name", "parameter_name", "module_name")
TINY = 4
UNKNOWN = "a submission may not know which workload it trains"
READ_ROLES = "what a parameter is for says self.roles; names tell one workload from another"


def identity(source: Source) -> Iterator[Finding]:
    """Yields comparisons and look-ups by which a workload can be recognised."""
    sizes = {name: size for name, value in assignments(source.tree) if (size := _size(value))}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare):
            yield from _compared(source, node, sizes)
        elif isinstance(node, ast.Match):
            if fact := _fact(source, node.subject) or _size(node.subject):
                yield source.finding("error", node, f"chooses by {fact}", UNKNOWN)
        elif isinstance(node, ast.Subscript) and not isinstance(node.value, ast.Attribute):
            if fact := _fact(source, node.slice):
                yield source.finding("error", node, f"looks up by {fact}", UNKNOWN)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "get" and node.args and (fact := _fact(source, node.args[0])):
                yield source.finding("error", node, f"looks up by {fact}", UNKNOWN)
            if node.func.attr in ("startswith", "endswith") and _is_name(node.func.value):
                yield source.finding("warning", node, "asks for a parameter's name", READ_ROLES)


def _compared(source: Source, node: ast.Compare, sizes: dict[str, str]) -> Iterator[Finding]:
    sides = [node.left, *node.comparators]
    literals = [side for side in sides if _is_literal(side)]
    exact = any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot) for operator in node.ops)
    if not literals:
        return
    values = [value for side in literals for value in _values(side)]
    large = any(isinstance(value, int | float) and abs(value) > TINY for value in values)
    for side in sides:
        if side in literals:
            continue
        size = _size(side) or (sizes.get(side.id) if isinstance(side, ast.Name) else None)
        if (fact := _fact(source, side)) and values != [0]:
            certain = exact and not fact.endswith("loss_kind")
            yield source.finding("error" if certain else "warning", node, f"compares {fact} with a constant", UNKNOWN)
        elif size and large:
            what = f"compares {size} with a constant"
            yield source.finding("error" if exact else "warning", node, what, f"sizes tell one workload from another: {UNKNOWN}")
        elif _is_name(side) and any(isinstance(v, str) for v in values):
            yield source.finding("warning", node, "asks for a parameter's name", READ_ROLES)


def _fact(source: Source, node: ast.expr) -> str | None:
    """Returns the fact of the workload that an expression depends on."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Name) and (name := source.dotted(part)):
            *owner, last = name.split(".")
            if last in FACTS and owner and owner[-1] == "workload":
                return f"workload.{last}"
    return None


def _size(node: ast.expr) -> str | None:
    """Returns by what an expression depends on the size of a parameter or of the model."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr in SIZES:
            return part.attr
    return None


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in NAMES


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_is_literal(item) for item in node.elts)
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_literal(node.left) and _is_literal(node.right)
    if isinstance(node, ast.Call):  # torch.Size((3, 4))
        return bool(node.args) and all(map(_is_literal, node.args))
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | str) and not isinstance(node.value, bool)


def _values(node: ast.expr) -> list[object]:
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
