"""Workloads and submissions are found by file: no registry."""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.project.shared import PACKAGE, places
from harness.workload import Workload, WorkloadConfig

if TYPE_CHECKING:
    from harness.submission import Submission


def load_workload(folder: Path, config: WorkloadConfig) -> Workload:
    """Returns the workload that `folder/workload.py` exports as `WORKLOAD`, configured."""
    workload: type[Workload] = _import(folder / "workload.py", f"workloads.{folder.name}.workload").WORKLOAD
    return workload(config)


def load_submission(folder: Path, copied: bool = False) -> "type[Submission]":
    """Returns the one subclass of Submission that `folder/submission.py` defines (and derives nothing from).

    The folder is a package, and what it imports from `submissions` is loaded with it, anew each time: from the folder alone if it is
    `copied` (`harness.trial.source.copy_folder`), else from wherever it is found.

    Raises:
        UserError: there is no such file, its code raises, or it defines no or several submissions.
    """
    from harness.state.anchors import MODULES
    from harness.submission import Submission

    path = folder / "submission.py"
    if not path.is_file():
        raise UserError(f"no submission.py in {folder}: a submission is a folder with submission.py, space.yaml and README.md")
    try:
        module = _import_from_package(path, places(folder)[:1] if copied else places(folder))
    except Exception as error:
        raise UserError(f"{path} cannot be imported: {type(error).__name__}: {error}".splitlines()[0]) from error
    vars(module)[MODULES] = {name: vars(loaded) for name, loaded in sys.modules.items() if name.startswith(f"{PACKAGE}.")}
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Submission) and value.__module__ == module.__name__
    ]
    found = [value for value in found if not any(other is not value and issubclass(other, value) for other in found)]
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise UserError(f"{path} must define exactly one subclass of Submission; it defines {names}")
    return found[0]


def _import_from_package(path: Path, shared: Sequence[Path]) -> ModuleType:
    """Imports a file as a module of its folder, which becomes a package inside of `submissions`."""
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    _make_package(PACKAGE, shared)
    name = f"{PACKAGE}.{path.parent.name.replace('.', '_')}"
    start = path.with_name("__init__.py")
    if start.is_file():
        _import(start, name, [str(path.parent)])
    else:
        _make_package(name, [path.parent])
    return _import(path, f"{name}.{path.stem}")


def _make_package(name: str, places: Sequence[Path]) -> None:
    """Makes a package without code, whose modules are looked for in these folders."""
    specification = ModuleSpec(name, None, is_package=True)
    specification.submodule_search_locations = [str(place) for place in places]
    sys.modules[name] = importlib.util.module_from_spec(specification)


def _import(path: Path, name: str, places: list[str] | None = None) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
