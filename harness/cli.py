"""finishline: a race between training algorithms. `finishline --help` lists the verbs; their options: harness/commands/options.py."""

import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness import __version__
from harness.base.output import with_output
from harness.commands.options import VERBS
from harness.errors import Interrupted, UserError, suggest
from harness.options.command_line import HELP, asks_for_help, read_options
from harness.options.explain import explain, overview
from harness.project.project import Project

PROJECT = Path(__file__).resolve().parents[1]
CLOSING = (
    "Options are written name=value, lists [A,B], after the verb; all of it: docs/options.md. Wrong input gets one line and exit code 2.",
    "Data are kept in $FINISHLINE_CACHE.",
)


def main(arguments: Sequence[str] | None = None, root: Path = PROJECT) -> int:
    """Runs the command line and returns the exit code; `root` is the project with configs/, workloads/ and submissions/."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return with_output(lambda: _run(words, root))


def _run(words: list[str], root: Path) -> int:
    try:
        if not words or (words[0] in HELP and len(words) == 1):
            print(overview(VERBS, CLOSING))
            return 0 if words else 2
        if words[0] in ("--version", "-V"):
            print(f"finishline {__version__}")
            return 0
        if words[0] == "help":  # finishline help VERB
            words = [words[1], "--help"]
        verb, *rest = words
        if verb not in VERBS:
            raise UserError(f"no command '{verb}'{suggest(verb, VERBS)}")
        if asks_for_help(rest):
            print(explain(verb, VERBS[verb], Project(root).configs))
            return 0
        given: Any = read_options(VERBS[verb], verb, rest, Project(root))
        command: Callable[[Any, Project], int] = import_module(f"harness.commands.{verb}").main
        return command(given, Project(root))
    except UserError as error:
        print(f"finishline: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return 2
    except Interrupted as error:
        others = [word for word in words[1:] if not word.startswith("out=")]
        again = shlex.join(["finishline", words[0], *others, f"out={error.out}"])
        print(f"finishline: interrupted; this goes on from the last checkpoint: {again}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("finishline: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
