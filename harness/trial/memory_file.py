"""Sealed memory: what a runner hands in is written into a memfd that nobody can change any more (memfd_create(2), F_ADD_SEALS).

The descriptor goes over the socket, so there is no path, link, pipe or sparse file to defend against, and no later change.
"""

import fcntl
import os

SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class HandedIn(ValueError):
    """What the runner handed in cannot be taken; the message says why."""


def memory_file(name: str) -> int:
    """Returns the descriptor of an empty file in memory; `name` is for /proc alone."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def sealed(descriptor: int) -> int:
    """Seals a memory file and returns its descriptor."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALED)
    return descriptor


def must_be_sealed(descriptor: int, what: str) -> int:
    """Returns the size of a memory file in bytes; nobody can change the file any more.

    Raises:
        HandedIn: it is another kind of file, or not sealed.
    """
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        raise HandedIn(f"the {what} are no file in memory") from None
    if seals & SEALED != SEALED:  # defence: weights are sealed
        raise HandedIn(f"the {what} are not sealed: they could still be changed")
    return os.fstat(descriptor).st_size


def must_be_in_memory(descriptor: int, what: str) -> None:
    """Raises HandedIn when a file has holes, which take no memory and would be copied to disk as zeros."""
    facts = os.fstat(descriptor)
    if facts.st_blocks * 512 < facts.st_size:  # defence: a state has no holes
        raise HandedIn(f"the {what} are {facts.st_size} bytes, of which only {facts.st_blocks * 512} are in memory")


def path_of(descriptor: int) -> str:
    """Returns a path by which this process can open what a descriptor stands for."""
    return f"/proc/self/fd/{descriptor}"
