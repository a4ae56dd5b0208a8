"""What a submission imports of other submissions' folders: found by reading its imports, so that it can be copied beside it. Runs none.

`from submissions.common.averaging import …` is looked for in the folder's own `submissions/` (where a copy has it), beside the folder if
that lies in a `submissions/`, and in ours.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "submissions"
OURS = Path(__file__).resolve().parents[2] / PACKAGE


def places(folder: Path) -> list[Path]:
    """Returns the folders in which a submission's imports from the package `submissions` are looked for, in this order."""
    return [folder / PACKAGE, *([folder.parent] if folder.parent.name == PACKAGE else []), OURS]


def shared_files(folder: Path, own: Iterable[Path]) -> dict[str, Path]:
    """Returns the modules of the package `submissions` that a submission's `own` files import, directly or not.

    The keys say where they belong in a copy of the folder, for example `submissions/common/averaging.py`.
    """
    found: dict[str, Path] = {}
    waiting = [(path, ("", *path.relative_to(folder).parent.parts)) for path in own if path.suffix == ".py"]
    while waiting:
        path, package = waiting.pop()
        for imported in imports(path, package):
            for name in _files(imported[1:]) if imported[0] == PACKAGE and len(imported) > 1 else ():
                place = next((place / name for place in places(folder) if (place / name).is_file()), None)
                key = f"{PACKAGE}/{name.as_posix()}"
                if place is not None and key not in found:
                    found[key] = place
                    waiting.append((place, (PACKAGE, *name.parent.parts)))
    return found


def imports(path: Path, package: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields what a file of a package imports, or may import, as parts of a dotted name; nothing where it is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # whoever imports it will say so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((*module, alias.name) for alias in node.names)


def _files(module: tuple[str, ...]) -> Iterator[Path]:
    """Yields the files that importing a module, or a name of one, may run: as paths below `submissions`."""
    for length in range(1, len(module) + 1):
        yield Path(*module[:length], "__init__.py")
        yield Path(*module[:length]).with_suffix(".py")
