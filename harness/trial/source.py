"""The files of a submission: one hash over them, how much they can hold, and the copy that runs. Imports no torch.

All three see the same: names and contents of its plain files, hidden ones and byte code left out. To a submission belongs what it imports
from the package `submissions` (`harness.project.shared`); a copy has it in a folder of that name.
"""

import hashlib
import io
import lzma
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import UserError
from harness.project.rulesets import Ruleset
from harness.project.shared import shared_files


def hash_folder(folder: Path) -> str:
    """Returns the sha256 of the tar of the files in a folder: their names and contents, with all else in the headers zero.

    Of a copy this is the hash of the whole submission, which `weigh_folder` returns for the original.

    Raises:
        UserError: there is something else in it than plain files, or one that cannot be read.
    """
    tar = _Tar()
    _write({path.relative_to(folder).as_posix(): path for path in files(folder)}, tar)
    return tar.sha256.hexdigest()


def weigh_folder(folder: Path, ruleset: Ruleset) -> tuple[str, int]:
    """Returns the hash of a submission's files, and in how many bytes `tar | xz -9` has all of them: what a submission can know at most.

    Raises:
        UserError: as `hash_folder`, or these are more bytes than the ruleset allows.
    """
    tar = _CompressedTar(folder, ruleset)
    _write(all_files(folder), tar)
    return tar.sha256.hexdigest(), tar.size()


def copy_folder(folder: Path, copy: Path) -> None:
    """Copies what is hashed and nothing else: modes, times, links and empty folders could carry knowledge, too.

    Raises:
        UserError: as `hash_folder`.
        OSError: the copy cannot be written.
    """
    copy.mkdir()
    for name, path in all_files(folder).items():
        place = copy / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


class _Tar(io.RawIOBase):
    """What a tar is written to: only its hash is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()

    def write(self, block: Any) -> int:
        self.sha256.update(block)
        return len(block)


class _CompressedTar(_Tar):
    """Keeps the compressed size as well, and raises UserError as soon as it is too much: a data set may have been left in the folder."""

    def __init__(self, folder: Path, ruleset: Ruleset) -> None:
        super().__init__()
        self._folder, self._ruleset = folder, ruleset
        self._xz, self._bytes = lzma.LZMACompressor(preset=9), 0

    def write(self, block: Any) -> int:
        self._add(self._xz.compress(block), "more than ")
        return super().write(block)

    def size(self) -> int:
        """Returns the bytes of the whole."""
        self._add(self._xz.flush())
        return self._bytes

    def _add(self, compressed: bytes, more: str = "") -> None:
        self._bytes += len(compressed)
        if self._bytes > self._ruleset.source_bytes:
            allowed = f"ruleset {self._ruleset.name} allows {self._ruleset.source_bytes}"
            advice = "a submission is an algorithm, without weights or data; every file counts, its name and comments too"
            raise UserError(f"{self._folder} takes {more}{self._bytes} bytes as tar | xz -9, and {allowed}: {advice}")


def _write(paths: Mapping[str, Path], tar: _Tar) -> None:
    with tarfile.open(fileobj=tar, mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for name, path in paths.items():
            try:
                with path.open("rb") as file:
                    header = tarfile.TarInfo(name)
                    header.size = os.fstat(file.fileno()).st_size
                    archive.addfile(header, file)
            except OSError as error:
                raise UserError(f"{path} cannot be read ({error.strerror or error}): a submission is read by everybody") from None


def all_files(folder: Path) -> dict[str, Path]:
    """Returns name in a copy -> path of a submission's files and of the modules that it shares with others, in the order of a copy.

    Raises:
        UserError: as `files`.
    """
    own = list(files(folder))
    found = shared_files(folder, own) | {path.relative_to(folder).as_posix(): path for path in own}
    for path in found.values():
        _must_be_plain(path)
    return dict(sorted(found.items(), key=lambda item: PurePosixPath(item[0])))


def files(folder: Path) -> Iterator[Path]:
    """Yields the files that belong to a submission, all but hidden ones and byte code; raises UserError at what it may not hold."""
    for path in sorted(folder.rglob("*")):
        if any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        _must_be_plain(path)
        if path.is_file():
            yield path


def _must_be_plain(path: Path) -> None:
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        raise UserError(f"{path} is a link or a special file: a submission holds plain files only")
