"""Workloads and submissions are found by file: no registry."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.workload import Workload, WorkloadConfig

if TYPE_CHECKING:
    from harness.submission import Submission


def load_workload(folder: Path, config: WorkloadConfig) -> Workload:
    """Returns the workload that `folder/workload.py` exports as `WORKLOAD`, configured."""
    workload: type[Workload] = _import(folder / "workload.py", f"workloads.{folder.name}.workload").WORKLOAD
    return workload(config)


def load_submission(folder: Path) -> "type[Submission]":
    """Returns the one subclass of Submission that `folder/submission.py` defines (and derives nothing from).

    Raises:
        UserError: there is no such file, its code raises, or it defines no or several submissions.
    """
    from harness.submission import Submission

    path = folder / "submission.py"
    if not path.is_file():
        raise UserError(f"no submission.py in {folder}: a submission is a folder with submission.py, space.yaml and README.md")
    try:
        module = _import(path, f"submissions.{folder.name}.submission")
    except Exception as error:
        raise UserError(f"{path} cannot be imported: {type(error).__name__}: {error}".splitlines()[0]) from error
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


def _import(path: Path, name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
