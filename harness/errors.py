"""Mistakes of the person at the keyboard: one clear line and exit code 2, never a traceback."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user gave is wrong: the message says what, where and what to do."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" for the nearest of `known`, else a list of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; there are: {', '.join(known)}" if known else ""
