"""What a sandbox shows, put together piece by piece as options of bwrap.

Files are copied into the sandbox's own memory, so that nothing in it says where they come from; folders are bound read-only.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError


@dataclass
class MountPlan:
    """A world that is empty at first. `descriptors` belong to whoever starts bwrap: to be handed to it, then closed."""

    words: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    _made: set[Path] = field(default_factory=set)

    def bind(self, source: Path, inside: Path | None = None) -> None:
        """Shows a folder or file of the machine, at the same path by default; Python packages in a folder of it stay hidden."""
        inside = inside or source
        if os.geteuid() == 0 and not source.stat().st_mode & stat.S_IROTH:
            raise UserError(f"{source} is for its owner alone, and a trial that root starts runs as another user: chmod -R o+rX {source}")
        self._make_folders(inside)
        self.words += ["--ro-bind", str(source), str(inside)]
        self.folders.append(source.resolve())
        for name in ("site-packages", "dist-packages"):
            for found in [source / name, *source.glob(f"python3*/{name}")] if source.is_dir() else []:
                if found.is_dir():
                    hidden = str(inside / found.relative_to(source))
                    self.words += ["--tmpfs", hidden, "--remount-ro", hidden]

    def copy(self, source: Path | bytes, inside: Path) -> None:
        """Puts a file into the sandbox, which can be read there, and executed if it can be outside."""
        if isinstance(source, bytes):
            descriptor, mode = self.memory(source), 0o444
        else:
            descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
            self.descriptors.append(descriptor)
            mode = 0o555 if os.fstat(descriptor).st_mode & stat.S_IXUSR else 0o444
        self._make_folders(inside)
        self.words += ["--perms", f"{mode:04o}", "--file", str(descriptor), str(inside)]

    def _make_folders(self, inside: Path) -> None:
        """Makes the folders above a place for all to enter; bwrap makes some of them for root alone."""
        for folder in reversed(inside.parents[:-1]):
            if folder not in self._made:
                self._made.add(folder)
                self.words += ["--perms", "0755", "--dir", str(folder)]

    def memory(self, content: bytes) -> int:
        """Returns a descriptor that bwrap can read a few bytes from."""
        descriptor = os.memfd_create("content", os.MFD_CLOEXEC)
        self.descriptors.append(descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def link(self, target: str, inside: Path) -> None:
        """Puts a symbolic link into the sandbox."""
        self._make_folders(inside)
        self.words += ["--symlink", target, str(inside)]

    def scratch(self, inside: Path, size_bytes: int) -> None:
        """Puts an empty folder into the sandbox that can be written, up to a size."""
        self.words += ["--perms", "1777", "--size", str(size_bytes), "--tmpfs", str(inside)]

    def close(self) -> None:
        """Closes the descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    def must_not_show(self, paths: Iterable[Path]) -> None:
        """Raises UserError if one of these lies in a folder that is shown so far."""
        for path in paths:
            for folder in self.folders:
                if path.resolve().is_relative_to(folder):
                    advice = "choose another out=, or another FINISHLINE_CACHE"
                    raise UserError(f"{path} lies below {folder}, which submissions can read: {advice}")
