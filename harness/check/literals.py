"""Lint: constants that are long enough to hold trained weights."""

import ast
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.source import Source, docstrings

LONGEST_TEXT, LONGEST_LIST, MOST_TEXT, MOST_NUMBERS = 2_000, 200, 8_000, 600
ADVICE = "constants this long may be weights or data; a training algorithm has a handful of numbers"


def literals(source: Source) -> Iterator[Finding]:
    """Yields long strings, long lists of numbers, and files that are mostly constants."""
    documentation = docstrings(source.tree)
    text = numbers = 0
    inner: set[ast.expr] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant):
            length = _length(node.value)
            if length > LONGEST_TEXT:
                yield source.finding("look" if node in documentation else "error", node, f"a constant of {length} characters", ADVICE)
            text += 0 if node in documentation else length
            numbers += _is_number(node.value)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict) and node not in inner:
            parts = [part for part in ast.walk(node) if isinstance(part, ast.expr)]
            inner.update(parts)
            count = sum(isinstance(part, ast.Constant) and _is_number(part.value) for part in parts)
            if count > LONGEST_LIST:
                yield source.finding("error", node, f"a list of {count} numbers", ADVICE)
    if text > MOST_TEXT or numbers > MOST_NUMBERS:
        yield Finding("look", source.file, 0, f"{numbers} numbers and {text} characters of constants in all", ADVICE)


def _length(value: object) -> int:
    """How much a constant can hold, in characters."""
    if isinstance(value, str | bytes):
        return len(value)
    return value.bit_length() // 4 if isinstance(value, int) else 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, bool)
