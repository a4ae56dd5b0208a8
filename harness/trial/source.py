"""The files of a submission: which may be there, and one hash over them. Imports no torch."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from harness.errors import UserError

IGNORED = ("__pycache__", ".*")
SUFFIXES = (".py", ".yaml", ".md", ".txt", ".json")
SOURCE_BYTES = 256 << 10
"""A submission is text that somebody can read, and not a place for trained weights or data."""


def hash_folder(folder: Path) -> str:
    """Returns one sha256 over the names and contents of a submission's files.

    Raises:
        UserError: there is something else in it than 256 KiB of text in plain files.
    """
    digest, size = hashlib.sha256(), 0
    for path in _source_files(folder):
        size += path.stat().st_size
        if size > SOURCE_BYTES:
            raise UserError(f"{folder} holds more than {SOURCE_BYTES >> 10} KiB: a submission is its source, without weights or data")
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    """Yields the files that are copied into a trial's folder; raises UserError at one that a submission may not hold."""
    for path in sorted(folder.rglob("*")):
        if any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise UserError(f"{path} is a link or a special file: a submission holds plain files only")
        if path.is_file():
            if path.suffix not in SUFFIXES:
                raise UserError(f"{path}: a submission may hold files that end in {', '.join(SUFFIXES)}, and no others")
            yield path
