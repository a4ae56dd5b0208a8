"""A Python file as the lint reads it: its tree, and what the names in it stand for."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from harness.check.finding import Finding, Level

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One parsed file; `aliases` maps a local name to the dotted name it stands for, `imported` holds the first parts of imported ones."""

    file: str
    text: str
    tree: ast.Module
    aliases: dict[str, str]
    imported: frozenset[str]

    def dotted(self, node: ast.expr) -> str | None:
        """Returns what an expression names, e.g. `torch.nn.functional` for `F`, or None when it is no dotted name."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return f"{base}.{node.attr}" if base else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) >= 2:
            base, name = self.dotted(node.args[0]), node.args[1]
            return f"{base}.{name.value}" if base and isinstance(name, ast.Constant) and isinstance(name.value, str) else None
        return None

    def is_imported(self, node: ast.expr) -> bool:
        """Whether an expression names a module, or something in one."""
        return (self.dotted(node) or "").split(".")[0] in self.imported

    def finding(self, level: Level, node: ast.stmt | ast.expr, what: str, advice: str) -> Finding:
        """Returns a finding at a node's line."""
        return Finding(level, self.file, node.lineno, what, advice)


def parse(file: str, text: str) -> Source:
    """Reads a file; raises SyntaxError (or ValueError, for null bytes) when it is not Python."""
    tree = ast.parse(text)
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {a.asname: a.name for a in node.names if a.asname}
            aliases |= {root: root for a in node.names if not a.asname and (root := a.name.split(".")[0])}
        elif isinstance(node, ast.ImportFrom):
            aliases |= {a.asname or a.name: f"{node.module or ''}.{a.name}" for a in node.names}
    imported = frozenset(name.split(".")[0] for name in aliases.values())
    source = Source(file, text, tree, aliases, imported)
    for target, value in assignments(tree):
        name = source.dotted(value)
        if name and name.split(".")[0] in imported | {"self", "workload"}:
            aliases.setdefault(target, name)
    return source


def assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yields (name, value) for each `name = value`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def docstrings(tree: ast.Module) -> dict[ast.expr, ast.Expr]:
    """Returns the docstrings of a file: the constant and the statement that it is."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node, clean=False) is not None:
            statement = node.body[0]
            assert isinstance(statement, ast.Expr)
            found[statement.value] = statement
    return found
