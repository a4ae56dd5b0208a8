"""The map of imports: the rooms of harness/ from the bottom up. Each may import those above it in this list, and none below."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import PROJECT

HARNESS = PROJECT / "harness"
ROOMS = (
    "errors",
    "base",
    "values",
    "salt",
    "workload",
    "data",
    "stream",
    "schedules",
    "state",
    "submission",
    "project",
    "ledger",
    "machine",
    "score",
    "report",
    "racing",
    "trial",
    "callbacks",
    "campaign",
    "check",
    "targets",
    "verify",
    "launch",
    "options",
    "commands",
    "cli",
    "__main__",
)
FROM_OUTSIDE = {
    "workloads": {"base", "data", "errors", "salt", "workload"},
    "submissions": {"schedules", "submission", "workload"},
}
"""What workload authors and submitters import."""


def imports(path: Path) -> Iterator[str]:
    """Yields every module that a file imports, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    parts = (module.split(".") for module in imports(path))
    return {part[1] for part in parts if part[0] == "harness" and len(part) > 1 and part[1] in ROOMS}


def test_every_room_is_on_the_map() -> None:
    there = {path.stem for path in HARNESS.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    files = [HARNESS / f"{room}.py"] if (HARNESS / f"{room}.py").exists() else sorted((HARNESS / room).rglob("*.py"))
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    upwards = {str(path.relative_to(PROJECT)): sorted(rooms_of(path) - allowed) for path in files}
    assert {path: rooms for path, rooms in upwards.items() if rooms} == {}


@pytest.mark.parametrize("folder", FROM_OUTSIDE)
def test_authors_import_what_is_meant_for_them(folder: str) -> None:
    listed = subprocess.run(["git", "ls-files", f"{folder}/*.py"], cwd=PROJECT, capture_output=True, text=True, check=False)
    paths = [PROJECT / name for name in listed.stdout.split()] or list((PROJECT / folder).rglob("*.py"))  # not what a user has begun
    found = {room for path in paths for room in rooms_of(path)}
    assert found <= FROM_OUTSIDE[folder]


def test_the_scorer_and_the_ledger_import_no_torch() -> None:
    for path in [p for room in ("ledger", "score", "racing", "report") for p in sorted((HARNESS / room).rglob("*.py"))]:
        assert "torch" not in {module.split(".")[0] for module in imports(path)}, path
