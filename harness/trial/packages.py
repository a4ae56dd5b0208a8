"""Which installed packages a runner is shown: those that finishline itself needs, and those that the submission declares."""

import csv
import functools
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.errors import UserError

OWN = "finishline"
METADATA = ("METADATA", "entry_points.txt")
"""What libraries read of each other's `.dist-info`."""


def packages(source: Path, hidden: Iterable[str]) -> dict[str, Path]:
    """Returns what to show of the installed packages: place below a folder of packages -> file or folder on this machine.

    Args:
        source: the submission's folder, whose requirements.txt counts if there is one.
        hidden: distributions with held-out data; they are not shown, whoever requires them.

    Raises:
        UserError: a line of requirements.txt is no requirement, or names what is not installed.
    """
    return dict(_places(tuple(_declared(source / "requirements.txt")), frozenset(map(canonicalize_name, hidden))))


@functools.cache
def _places(declared: tuple[Requirement, ...], hidden: frozenset[str]) -> dict[str, Path]:
    seen: set[str] = {OWN}
    waiting = [*_required(distribution(OWN), set()), *declared]
    files: dict[Path, list[str]] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        news = {name, *(f"{name}[{extra}]" for extra in requirement.extras)} - seen
        if not news or name in hidden:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # nothing to show; whoever imports it will say so
        if name in news:
            files.setdefault(Path(str(found.locate_file(""))), []).extend(_files(found))
        seen |= news
        waiting += _required(found, requirement.extras)
    places: dict[str, Path] = {}
    for folder, paths in files.items():
        for part, inner in _by_first_part(paths).items():
            places = _place(part, inner, folder / part) | places
    return places


def _declared(path: Path) -> Iterator[Requirement]:
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            requirement = Requirement(text)
            if not _applies(requirement, set()):
                continue
            distribution(requirement.name)
        except InvalidRequirement:
            raise UserError(f"{path}:{number}: {text!r} is no requirement: write a name and a version, as in torch>=2.11") from None
        except PackageNotFoundError:
            raise UserError(f"{path}:{number}: {requirement.name} is not installed: install it with pip install '{text}'") from None
        yield requirement


def _required(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Yields what a distribution requires; `Distribution.requires` reads its description, too, which takes a tenth of a second for all."""
    metadata = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""  # the latter in the .egg-info of a source tree
    lines = metadata.partition("\n\n")[0].splitlines()
    requirements = (Requirement(line.partition(":")[2].strip()) for line in lines if line.startswith("Requires-Dist:"))
    return (requirement for requirement in requirements if _applies(requirement, extras))


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _files(found: Distribution) -> Iterator[str]:
    """Yields the files of a distribution, without what lies outside of the folder of packages."""
    record = found.read_text("RECORD")
    paths = [line[0] for line in csv.reader(record.splitlines()) if line] if record else (found.read_text("top_level.txt") or "").split()
    return (path for path in paths if not path.startswith(("/", "../", "__pycache__/")))


def _by_first_part(paths: Iterable[str]) -> dict[str, list[str]]:
    """Returns for each file or folder what of the paths is in it."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        part, _, rest = path.partition("/")
        branch = inner.setdefault(part, [])
        if rest:
            branch.append(rest)
    return inner


def _place(place: str, paths: list[str], path: Path) -> dict[str, Path]:
    """Returns a file or folder, or of a folder that others put something into, too, its parts."""
    if not path.exists():
        return {}
    inner = _by_first_part(paths)
    if place.endswith(".dist-info"):
        return {f"{place}/{name}": path / name for name in METADATA if name in inner}
    if not inner or {entry.name for entry in path.iterdir()} <= {*inner, "__pycache__"}:
        return {place: path}
    return {name: part for child, rest in inner.items() for name, part in _place(f"{place}/{child}", rest, path / child).items()}
