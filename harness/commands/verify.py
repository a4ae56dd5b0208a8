"""finishline verify: whether ledgers can be what they say."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.data import cache_root
from harness.errors import UserError, suggest
from harness.ledger.signature import read_public_key
from harness.project.project import Project
from harness.salt import keep_salt, read_salt
from harness.verify.ledger import Verified, verify
from harness.verify.trial import find

HEADER = ("trial", "verdict", "evaluated again", "outcome")
OPTIONS = {"key": "key=FILE, the organiser's public key,", "salt": "salt=FILE, the salt that was revealed"}


def main(arguments: Sequence[str], root: Path) -> int:
    """Prints a table with a line for each trial, and who signed; returns 1 when anything is off."""
    paths = [Path(text) for text in arguments if "=" not in text]
    options = dict(text.split("=", 1) for text in arguments if "=" in text)
    if not paths:
        raise UserError("verify: give the folder of at least one ledger")
    for name in options:
        if name not in OPTIONS:
            raise UserError(f"verify: no option '{name}'{suggest(name, OPTIONS)}; it takes {' and '.join(OPTIONS.values())}")
    key = read_public_key(Path(options["key"])) if "key" in options else None
    salt = keep_salt(read_salt(Path(options["salt"])), cache_root()) if "salt" in options else None
    found = find(paths)
    total = len(found.trials) + len(found.damaged)
    console = Console(highlight=False)
    done: list[Verified] = []
    with console.status("verifying") as status:
        for outcome in verify(found, Project(root), cache_root(), key, salt):
            done.append(outcome)
            status.update(f"verifying: {len(done)} of {total}")
    _print(console, done)
    for part in found.parts:
        standing = found.standing(part)
        unchecked = "; whether that is the organiser, only key=PUBLIC_KEY can tell" if standing.signer and key is None else ""
        console.print(f"{part.name}: {standing}, digest {standing.digest}{unchecked}", soft_wrap=True)
    wrong = sum(bool(outcome.problems) for outcome in done if outcome.verdict)
    others = "".join(f", {outcome.name} wrong" for outcome in done if not outcome.verdict)
    unfinished = f", {len(found.unfinished)} not finished" if found.unfinished else ""
    console.print(f"{total} trials verified, {wrong} wrong{others}{unfinished}", soft_wrap=True)
    return 1 if any(outcome.problems for outcome in done) else 0


def _print(console: Console, outcomes: list[Verified]) -> None:
    several = len({outcome.ledger for outcome in outcomes}) > 1
    table = Table()
    lines = []
    for outcome in outcomes:
        name = str(outcome.ledger / outcome.name) if several else outcome.name
        lines.append((name, outcome.verdict, outcome.again, "; ".join(outcome.problems) or "ok"))
    for title in HEADER:
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line), style="" if line[-1] == "ok" else "red")
    if not console.is_terminal:  # a file or a pipe: one line a trial, however long
        console.width = sum(max(map(len, column)) for column in zip(HEADER, *lines, strict=True)) + 3 * len(HEADER) + 1
    console.print(table)
