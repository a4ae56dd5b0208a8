"""finishline verify: whether ledgers can be what they say."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.data import cache_root
from harness.errors import UserError, suggest
from harness.project import Project
from harness.salt import keep_salt, read_salt
from harness.verify.ledger import Verified, verify
from harness.verify.trial import find

HEADER = ("trial", "verdict", "evaluated again", "outcome")


def main(arguments: Sequence[str], root: Path) -> int:
    """Prints a table with a line for each trial; returns 1 when anything is off."""
    paths = [Path(text) for text in arguments if "=" not in text]
    options = dict(text.split("=", 1) for text in arguments if "=" in text)
    if not paths:
        raise UserError("verify: give the folder of at least one ledger")
    for name in options:
        if name != "salt":
            raise UserError(f"verify: no option '{name}'{suggest(name, ['salt'])}; it takes salt=FILE, the salt that was revealed")
    salt = keep_salt(read_salt(Path(options["salt"])), cache_root()) if "salt" in options else None
    found = find(paths)
    total = len(found.trials) + len(found.damaged)
    console = Console(highlight=False)
    done: list[Verified] = []
    with console.status("verifying") as status:
        for outcome in verify(found, Project(root), cache_root(), salt):
            done.append(outcome)
            status.update(f"verifying: {len(done)} of {total}")
    _print(console, done)
    wrong = sum(bool(outcome.problems) for outcome in done if outcome.verdict)
    plans = sum(not outcome.verdict for outcome in done)
    notes = (f", {plans} campaign.yaml wrong" if plans else "") + (f", {found.unfinished} not finished" if found.unfinished else "")
    console.print(f"{total} trials verified, {wrong} wrong{notes}", soft_wrap=True)
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
