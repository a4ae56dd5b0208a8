"""Where the command line writes to: what is printed is printed as it is, and an output that is closed or full is no traceback."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


def new_console(**options: Any) -> "Console":
    """Returns a rich console that takes no part of a name or path for markup or an emoji; `options` are those of `rich.console.Console`."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, **options)


def with_output(command: Callable[[], int]) -> int:
    """Returns the exit code of a command; 1 where its output could not be written.

    Characters that the output's encoding lacks are escaped. A reader that has gone (`| head`) changes nothing.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = 0
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        if error.filename is not None:  # a file, not the output
            raise
        _discard(sys.stdout)
        print(f"finishline: the output cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    return code


def _discard(stream: TextIO) -> None:
    """Makes what is left in a stream's buffer go nowhere, so that Python does not complain about it when it ends."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
