"""Mistakes of the person at the keyboard: one clear line and exit code 2, never a traceback."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """Something the user gave is wrong: the message says what, where and what to do."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during work that the same command takes up again when it is given `out`."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out = out


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Says of what is done within it that it can be taken up again in the folder `out`."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(out) from None


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" for the nearest of `known`, else a list of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are: {', '.join(known)}" if known else ""
