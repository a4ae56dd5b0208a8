"""finishline verify: whether ledgers can be what they say."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.base.output import new_console
from harness.commands.options import VerifyOptions
from harness.data import cache_root
from harness.ledger.signature import read_public_key
from harness.project.project import Project
from harness.salt import keep_salt, read_salt
from harness.verify.ledger import Verified, verify
from harness.verify.trial import find

HEADER = ("trial", "verdict", "evaluated again", "outcome")


def main(given: VerifyOptions, project: Project) -> int:
    """Prints a table with a line for each trial, and who signed; returns 1 when anything is off."""
    key = read_public_key(given.key) if given.key else None
    salt = keep_salt(read_salt(given.salt), cache_root()) if given.salt else None
    found = find(given.ledgers)
    total = len(found.trials) + len(found.damaged)
    console = new_console()
    done: list[Verified] = []
    with console.status("verifying") as status:
        for outcome in verify(found, project, cache_root(), key, salt):
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
