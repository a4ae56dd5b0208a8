"""The rules of a submission's folder, and of its search space."""

import ast
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from harness.check.finding import Finding
from harness.check.source import Source, docstrings
from harness.errors import UserError, suggest
from harness.project.space import SearchSpace, read_space
from harness.trial.source import files

MAX_LINES = 25


def check_files(folder: Path) -> Iterator[Finding]:
    """Yields what is wrong with the files as such."""
    for path in files(folder):
        name = path.relative_to(folder).as_posix()
        if b"\0" in path.read_bytes():
            yield Finding("warning", name, 0, "is no text", "a submission is read by everybody")
    readme = folder / "README.md"
    if not readme.is_file() or not readme.read_bytes().strip():
        what = "is empty" if readme.is_file() else "is missing"
        yield Finding("error", "README.md", 0, what, "say what the method is, in a few lines, and cite its source")


def check_space(folder: Path) -> tuple[SearchSpace | None, list[Finding]]:
    """Returns the search space, and what is wrong with it."""
    try:
        return read_space(folder), []
    except UserError as error:
        return None, [Finding("error", "space.yaml", 0, str(error), "see harness/project/space.py for the form")]


def check_hyperparameters(space: SearchSpace, sources: Sequence[Source], own: Container[str]) -> Iterator[Finding]:
    """Yields hyperparameters that the submission's `own` files read and the space lacks, and those that no file reads."""
    known = {axis.name for axis in space.axes}
    used: set[str] = set()
    whole = False
    for source in sources:
        owners = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(source.tree):
            name = source.dotted(node) if isinstance(node, ast.Attribute | ast.Name) else None
            if name == "self.hp" and id(node) not in owners and not isinstance(node, ast.Name):
                whole = True  # vars(self.hp), hp = self.hp: no telling what is read
            owner, _, read = (name or "").partition(".hp.")
            if owner and read and "." not in owner + read and isinstance(node, ast.Attribute):
                if owner == "self" and read not in used | known and source.file in own:
                    what = f"reads self.hp.{read}, which space.yaml does not have"
                    yield source.finding("error", node, what, f"add it there{suggest(read, known)}")
                used.add(read)
    for name in sorted(known - used) if not whole else []:
        yield Finding("warning", "space.yaml", 0, f"{name} is never read by the code", "tuning it would waste trials: remove it")


def check_length(source: Source) -> Iterator[Finding]:
    """Yields a finding when submission.py is long."""
    lines = code_lines(source)
    if lines > MAX_LINES:
        yield Finding("warning", source.file, 0, f"{lines} lines of code", f"above {MAX_LINES} somebody must take the time to read them")


def code_lines(source: Source) -> int:
    """Returns the number of lines that are neither blank nor comment nor docstring."""
    skipped: set[int] = set()
    for statement in docstrings(source.tree).values():
        skipped |= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    lines = enumerate(source.text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and number not in skipped for number, line in lines)
