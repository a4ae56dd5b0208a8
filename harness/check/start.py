"""Lint: work that is done when the file is imported or a class is made, instead of in a method."""

import ast
from collections.abc import Iterator, Sequence

from harness.check.finding import Finding
from harness.check.source import Function, Source

ADVICE = "at import there may be definitions, constants and imports alone: move it into setup"
PURE = (
    "float int bool str complex frozenset tuple dict set list range slice property staticmethod classmethod typing.TypeVar typing.NewType "
    "typing.NamedTuple collections.namedtuple dataclasses.field functools.partial torch.finfo torch.device torch.Size re.compile"
)
ON_DEFINITION = ("__init_subclass__", "__set_name__", "__prepare__", "__new__", "__class_getitem__")


def start(source: Source) -> Iterator[Finding]:
    """Yields statements at module level and in class bodies that do something."""
    yield from _body(source, source.tree.body, "at module level")


def _body(source: Source, body: Sequence[ast.stmt], where: str) -> Iterator[Finding]:
    for node in body:
        if isinstance(node, Function):
            defaults = [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
            if not all(_is_plain(source, default) for default in defaults):
                yield source.finding("error", node, f"a default value of {node.name} is computed {where}", ADVICE)
            if node.name in ON_DEFINITION:
                yield source.finding("warning", node, f"defines {node.name}", "it runs when a class is made or called: what does it do?")
            yield from _decorators(source, node, where)
        elif isinstance(node, ast.ClassDef):
            if not all(_is_plain(source, part) for part in [*node.bases, *(keyword.value for keyword in node.keywords)]):
                yield source.finding("error", node, f"a base of {node.name} is computed", ADVICE)
            if any(keyword.arg == "metaclass" for keyword in node.keywords):
                yield source.finding("warning", node, f"{node.name} has a metaclass", "it runs when the class is made: what does it do?")
            yield from _decorators(source, node, where)
            yield from _body(source, node.body, f"in the body of class {node.name}")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            plain = all(isinstance(part, ast.Name | ast.Tuple) for part in targets)  # other targets are found by `writes`
            if plain and node.value is not None and not _is_plain(source, node.value):
                yield source.finding("error", node, f"computes something {where}", ADVICE)
        elif isinstance(node, ast.If):
            yield from _body(source, [*node.body, *node.orelse], where)
        elif isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            yield from _body(source, [*node.body, *handlers, *node.orelse, *node.finalbody], where)
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Constant):
                yield source.finding("error", node, f"does something {where}", ADVICE)
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
            yield source.finding("error", node, f"a {type(node).__name__.lower()} statement {where}", ADVICE)


def _decorators(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, where: str) -> Iterator[Finding]:
    for decorator in node.decorator_list:
        name = source.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
        known = name.split(".")[0] in source.imported or name in PURE.split() or name.endswith((".setter", ".getter", ".deleter"))
        if not known:
            yield source.finding("error", decorator, f"a decorator of its own on {node.name}, called {where}", ADVICE)


def _is_plain(source: Source, node: ast.expr) -> bool:
    """Whether making the value does no work worth the name."""
    if isinstance(node, ast.Constant | ast.Name | ast.Lambda):
        return True
    if isinstance(node, ast.Call):
        name = source.dotted(node.func) or ""
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return (name in PURE.split() or name.startswith("math.")) and all(_is_plain(source, argument) for argument in arguments)
    simple = ast.Attribute | ast.Subscript | ast.Tuple | ast.List | ast.Set | ast.Dict | ast.UnaryOp | ast.BinOp | ast.BoolOp
    other = ast.Compare | ast.IfExp | ast.Starred | ast.Slice
    return isinstance(node, simple | other) and all(_is_plain(source, c) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
