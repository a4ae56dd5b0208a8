"""Kinds of paths: files and folders that are read, and those that are written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.values.kinds import Kind, shown, unquoted

if TYPE_CHECKING:
    from harness.project.project import Project

VARIABLE = re.compile(r"\$(\{\w*\}?|\w+)")
SOURCES = ("harness", "configs", "workloads", "submissions")
PASSING = (".", "owner.json", "__pycache__")
"""How the names of files begin that are nobody's work."""


class PathKind(Kind):
    """A path; `~` at its start is the home folder."""

    words = "a path"
    sample = "FILE"

    def read(self, text: str) -> Any:
        """Returns the path; raises Wrong where the shell has left a variable in place."""
        return Path(expanded(text))

    def check(self, value: Any) -> Any:
        """Returns the path."""
        return Path(expanded(super().check(value)))


class LedgerFolder(PathKind):
    """A folder that is there."""

    words = "a folder"
    sample = "DIR"

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the folder; raises UserError where there is none."""
        try:
            is_folder, is_there = value.is_dir(), value.exists()
        except OSError as error:
            raise UserError(f"{shown(str(value))} cannot be read: {error.strerror}") from None
        if not is_folder:
            raise UserError(f"{value} cannot be read: {'it is not a folder' if is_there else 'there is no such folder'}")
        return value


class OutFolder(PathKind):
    """A folder to write into. It is new or empty, or holds an earlier result of the same kind, so that nothing else is mixed with it."""

    words = "a folder"
    sample = "DIR"

    def __init__(self, result: str, *marks: str) -> None:
        self.result, self.marks = result, marks
        """In words what is written there, and patterns of which one matches where that was written before."""

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the folder; raises UserError where it cannot be written, or where something else is."""
        place, root = Path(os.path.abspath(value)), project.root.resolve()
        try:
            real = place.resolve()
            if real == root or real in root.parents:
                raise UserError(f"out={value} is the folder of the project: choose another, such as results/mine")
            if (real.parent == root and real.name in SOURCES) or any(root / name in real.parents for name in SOURCES):
                raise UserError(f"out={value} is among the sources of the project: choose another folder, such as results/mine")
            there = next(folder for folder in (place, *place.parents) if folder.exists())
            if not there.is_dir():
                raise UserError(f"out={value} cannot be written ({there} is a file): choose another folder")
            if not os.access(there, os.W_OK):
                raise UserError(f"out={value} cannot be written (Permission denied): choose another folder")
            if there == place and self._is_something_else(place):
                raise UserError(f"out={value} holds something else than {self.result}: choose a new folder")
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"out={shown(str(value))} cannot be written ({getattr(error, 'strerror', error)}): choose another folder"
            ) from None
        return value

    def _is_something_else(self, place: Path) -> bool:
        names: Iterable[str] = (name for name in os.listdir(place) if not name.startswith(PASSING))
        return any(True for _ in names) and not any(next(place.glob(mark), None) for mark in self.marks)


def expanded(text: str) -> str:
    """Returns a path without quotes and with the home folder in place; raises Wrong where the shell has left a variable in place."""
    text = unquoted(text)
    if "\0" in text:
        raise Kind().refusal(text)
    left = VARIABLE.search(text)
    if left:
        raise PathKind().refusal(text, f': the shell has not replaced {left[0]}; write it in double quotes ("...") or none')
    if text.startswith("~"):
        home = os.path.expanduser(text)
        if home == text:
            raise PathKind().refusal(text, f"; there is no home folder {text.split('/')[0]}, and a folder of that name is written ./{text}")
        return home
    return text
