"""Which installed packages a runner is shown: those that finishline itself needs, and those that the submission declares.

A submission declares them in its requirements.txt, `schedulefree==1.4.1` in a line of its own; they must be installed in that version.
"""

import csv
import functools
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.errors import UserError
from harness.project.shared import PACKAGE, imports

OWN = "finishline"
METADATA = ("METADATA", "entry_points.txt")
"""What libraries read of each other's `.dist-info`."""


def packages(source: Path, hidden: Iterable[str]) -> dict[str, Path]:
    """Returns what to show of the installed packages: place below a folder of packages -> file or folder on this machine.

    Args:
        source: the submission's folder, whose requirements.txt counts if there is one.
        hidden: distributions with held-out data; they are not shown, whoever requires them.

    Raises:
        UserError: as `declared`.
    """
    return dict(_places(tuple(declared(source)), frozenset(map(canonicalize_name, hidden))))


def must_be_installed(source: Path) -> None:
    """Raises UserError when what a submission declares is not installed here, or in another version."""
    for _ in declared(source):
        pass


def importable(source: Path) -> set[str]:
    """Returns the names of the top-level modules of the distributions that a submission declares.

    Raises:
        UserError: as `declared`.
    """
    names = {canonicalize_name(requirement.name) for requirement in declared(source)}
    if not names:
        return set()
    return {module for module, found in packages_distributions().items() if names & set(map(canonicalize_name, found))}


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


def imported_versions(source: Path) -> dict[str, str]:
    """Returns name -> version of the distributions that a submission's files import, itself and finishline left out."""
    roots = {name[0] for path in source.rglob("*.py") for name in imports(path, ("",))} - {"", "harness", PACKAGE, *sys.stdlib_module_names}
    if not roots:
        return {}
    found = packages_distributions()
    return {name: distribution(name).version for root in sorted(roots) for name in found.get(root, ())}


def declared(source: Path) -> Iterator[Requirement]:
    """Yields what a submission's requirements.txt asks for on this platform.

    Raises:
        UserError: a line is no requirement, or it names what is not installed, or is installed in another version.
    """
    path = source / "requirements.txt"
    for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            requirement = Requirement(text)
            if not _applies(requirement, set()):
                continue
            version = distribution(requirement.name).version
        except InvalidRequirement:
            raise UserError(f"{path}:{number}: {text!r} is no requirement: write a name and a version, as in torch>=2.11") from None
        except PackageNotFoundError:
            raise UserError(f"{path}:{number}: {requirement.name} is not installed: install it with pip install '{text}'") from None
        if not requirement.specifier.contains(version, prereleases=True):
            wanted = f"{requirement.name}{requirement.specifier} is declared, and {version} is installed"
            raise UserError(f"{path}:{number}: {wanted}: install it with pip install '{text}'")
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
