"""finishline sign: the organiser's signature under a campaign."""

from pathlib import Path

from harness.base.output import new_console
from harness.commands.options import SignOptions
from harness.errors import UserError
from harness.ledger.plan import read_plan
from harness.ledger.signature import named, read_private_key, read_signature, sign, write_signature
from harness.project.project import Project
from harness.verify.ledger import verify
from harness.verify.trial import find


def main(given: SignOptions, project: Project) -> int:
    """Signs a ledger whose hashes and plan hold, and prints what was signed."""
    words = sign_ledger(given.ledger, project, given.key, incomplete=given.incomplete, again=given.again)
    new_console().print(words, soft_wrap=True)
    return 0


def sign_ledger(ledger: Path, project: Project, key: Path, incomplete: bool = False, again: bool = False) -> str:
    """Writes signature.json and returns in words what was signed. Weights are not evaluated again: that is for `finishline verify`.

    Args:
        ledger: the campaign's folder.
        project: where the workloads are.
        key: the private key's file.
        incomplete: also where planned trials have no record.
        again: also where records that were signed have been changed or removed since.

    Raises:
        UserError: the key is no ed25519 key, the ledger has no plan, or something about it does not hold.
    """
    private = read_private_key(key)
    if read_plan(ledger) is None:
        raise UserError(f"sign: no campaign.yaml in {ledger}: give the folder of a campaign")
    found = find([ledger])
    part = next(part for part in found.parts if Path(part.ledger) == ledger.resolve())
    wrong = {outcome.name: outcome.problems for outcome in verify(found, project, None) if outcome.problems}
    wrong.pop("signature.json", None)
    plan = wrong.pop("campaign.yaml", ())
    if wrong:
        first = sorted(wrong)[0]
        more = f" and {len(wrong) - 1} more trials are wrong" if len(wrong) > 1 else ""
        raise UserError(f"not signed: {first}: {wrong[first][0]}{more}; see finishline verify {ledger}")
    if plan and not incomplete:
        raise UserError(f"not signed: {plan[0]}; run them with finishline launch, or add incomplete=true to finishline sign")
    contents, earlier = found.contents(part), None if again else read_signature(ledger)
    if earlier is not None:
        moved = {path for path, digest in earlier.contents.records.items() if contents.records.get(path) != digest}
        if moved:
            why = f"{len(moved)} records were signed before and have been changed or removed since: {named(moved)}"
            raise UserError(f"not signed: {why}; if that is right, add again=true to finishline sign")
    signature = sign(contents, private)
    write_signature(ledger, signature)
    return f"{part.name}: {len(contents.records)} records signed by {signature.fingerprint}, digest {contents.digest}"
