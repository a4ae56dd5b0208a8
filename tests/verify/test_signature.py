"""A ledger that was changed is seen: by its chain, by its plan, by the organiser's signature; and the board says what is missing."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from harness.cli import main
from harness.ledger.plan import Plan, read_plan, write_plan
from harness.ledger.record import read_record, write_record
from harness.ledger.rows import HEADER, read_rows, rewrite_rows
from harness.ledger.signature import (
    Contents,
    Signature,
    Standing,
    fingerprint,
    read_private_key,
    read_public_key,
    read_signature,
    sign,
    write_signature,
)
from harness.project.project import Project
from harness.report.markdown import markdown
from harness.score import Board, ScoreOptions, read_ledgers, score_board
from harness.verify.ledger import verify
from harness.verify.trial import find
from tests.conftest import World
from tests.verify.test_verify import QUICK, copy_to_study_2, copy_to_study_2_with_new_numbers, edit_json, verified

SLOW = QUICK.replace("quick", "slow")
AVERAGED = QUICK.replace("quick", "averaged")


def make_key(path: Path, key: Any = None) -> Path:
    """Writes a key and, beside it, its public half, as ssh-keygen does."""
    key = key or Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(public + b" somebody@somewhere\n")
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys") / "organiser")


@pytest.fixture
def signed(honest: World, ledger: Path, key: Path) -> Path:
    assert main(["sign", str(ledger), f"key={key}"], honest.root) == 0
    return ledger


def problems(honest: World, ledger: Path, key: Path | None = None) -> dict[str, str]:
    """What verify says is off, file by file or trial by trial, without evaluating weights."""
    public = read_public_key(key.with_suffix(".pub")) if key else None
    outcomes = verify(find([ledger]), Project(honest.root), None, public)
    return {outcome.name: "; ".join(outcome.problems) for outcome in outcomes if outcome.problems}


def standing(ledger: Path) -> Standing:
    """What the signature says, and nothing else."""
    found = find([ledger])
    return found.standing(found.parts[0])


def board(ledger: Path) -> Board:
    return score_board(read_ledgers([ledger]), ScoreOptions(bootstrap=0))


def head(ledger: Path) -> str:
    return "\n".join(board(ledger).head)


def test_a_signed_ledger_is_ok_with_the_public_key_alone(
    honest: World, signed: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = Path(shutil.copy(key.with_suffix(".pub"), tmp_path / "public"))
    who = fingerprint(read_public_key(public))
    digest = read_signature(signed).contents.digest
    code, out = verified(honest, capsys, signed)
    assert code == 0
    assert f"signed by {who}, digest {digest}; whether that is the organiser" in out
    assert main(["verify", str(signed), f"key={public}"], honest.root) == 0
    found = board(signed)
    assert found.head == (f"ledger: signed by {who}, digest {digest}",)
    assert (found.signature, found.digest) == (f"signed by {who}", digest)
    assert f"* ledger: signed by {who}" in markdown(found)
    for part in (signed / "quick", signed / "quick" / "toy-cpu", signed / QUICK, signed.parent):
        assert problems(honest, part, key) == {}
        assert head(part) == found.head[0]


def test_an_unsigned_ledger_says_so(honest: World, ledger: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(honest, capsys, ledger)
    assert code == 0
    assert "ledger: not signed, digest " in out
    assert head(ledger).startswith("ledger: not signed, digest ")
    assert "it is not signed, not by SHA256:" in problems(honest, ledger, key)["signature.json"]


def test_every_cell_of_a_row(honest: World, ledger: Path) -> None:
    path = ledger / QUICK / "evals.csv"
    text = path.read_text()
    lines = text.split("\n")
    for column, name in enumerate(HEADER.split(",")):
        cells = lines[3].split(",")
        cells[column] = {"test_metric": "0.5", "chain": "0" * 64}.get(name, f"{cells[column]}1")
        path.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
        assert "evals.csv: the chain breaks at line 4: a row was changed" in problems(honest, ledger)[QUICK], name
    path.write_text(text)
    assert problems(honest, ledger) == {}


def test_every_field_of_a_record_of_a_signed_ledger(honest: World, signed: Path) -> None:
    path = signed / QUICK / "record.json"
    text = path.read_text()
    for name, value in json.loads(text).items():
        changed = value + 1 if type(value) in (int, float) else f"{value}x" if isinstance(value, str) else {"other": 1}
        edit_json("record.json", **{name: changed})(signed / QUICK)
        assert standing(signed).problems == (f"1 record was changed: {QUICK}",), name
        path.write_text(text)
    for name, value in (("device_memory_bytes", 7), ("reason", "7")):  # of no consequence for anything else
        edit_json("record.json", **{name: value})(signed / QUICK)
        assert f"1 record was changed: {QUICK}" in problems(honest, signed)["signature.json"]
        assert f"SIGNATURE BROKEN: 1 record was changed: {QUICK}, digest " in head(signed)
        path.write_text(text)
    assert problems(honest, signed) == {}


def shorten(rows: list[Any]) -> list[Any]:
    return [replace(row, evaluation=number) for number, row in enumerate(rows[:3] + rows[4:])]


def test_rows_chained_anew_are_not_those_of_the_record(honest: World, ledger: Path) -> None:
    path = ledger / QUICK / "evals.csv"
    for change in (shorten, lambda rows: [replace(row, cpu_time_s=row.cpu_time_s / 2) for row in rows], lambda rows: rows[:-1]):
        shutil.copy(honest.root / "ledger" / QUICK / "evals.csv", path)
        rewrite_rows(path, change(read_rows(path)))
        told = problems(honest, ledger)[QUICK]
        assert "the chain breaks" not in told
        assert "record.json: chain is not that of the last row of evals.csv" in told


def test_rows_of_another_trial(honest: World, ledger: Path) -> None:
    one, other = ledger / QUICK / "evals.csv", ledger / AVERAGED / "evals.csv"
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    told = problems(honest, ledger)
    assert all("evals.csv: the chain breaks at line 2" in told[name] for name in (QUICK, AVERAGED))


def test_a_spec_that_says_the_same_in_other_bytes(honest: World, ledger: Path) -> None:
    edit_json("spec.json", submission_path="/elsewhere")(ledger / QUICK)
    told = problems(honest, ledger)[QUICK]
    assert "spec.json does not hash to spec_sha256" in told
    assert "the chain breaks at line 2" in told


def test_a_record_with_all_its_chains_made_anew_is_seen_by_the_signature_alone(honest: World, signed: Path) -> None:
    """What nobody can see without a signature: a trial rewritten as a whole."""
    trial = signed / SLOW
    record, rows = read_record(trial), read_rows(trial / "evals.csv")
    rows = [replace(row, cpu_time_s=row.cpu_time_s / 2) for row in rows]
    rewrite_rows(trial / "evals.csv", rows)
    chain = (trial / "evals.csv").read_text().split("\n")[-2].rpartition(",")[2]
    write_record(trial, replace(record, chain=chain, last=rows[-1], reason="bad luck"))
    assert problems(honest, signed) == {"signature.json": f"1 record was changed: {SLOW}"}
    assert f"SIGNATURE BROKEN: 1 record was changed: {SLOW}" in head(signed)
    (signed / "signature.json").unlink()
    assert problems(honest, signed) == {}


GONE: dict[str, tuple[Callable[[Path], None], int]] = {
    "a record": (lambda ledger: (ledger / QUICK / "record.json").unlink(), 1),
    "a trial": (lambda ledger: shutil.rmtree(ledger / QUICK), 1),
    "a study": (lambda ledger: shutil.rmtree(ledger / "quick" / "toy-cpu"), 1),
    "a submission": (lambda ledger: shutil.rmtree(ledger / "quick"), 1),
    "two submissions": (lambda ledger: [shutil.rmtree(ledger / name) for name in ("quick", "slow")], 2),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("seal", ["signed", "not signed"])
def test_what_is_gone_is_missed_and_told(
    honest: World, ledger: Path, key: Path, what: str, seal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if seal == "signed":
        assert main(["sign", str(ledger), f"key={key}"], honest.root) == 0
    remove, missing = GONE[what]
    remove(ledger)
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert f"{missing} of 4 planned trials have no record: {QUICK}" in out
    assert (f"removed: {QUICK}" in out) == (seal == "signed")
    found = board(ledger)
    entry = next(entry for entry in found.entries if entry.submission == "quick")
    assert (entry.score, entry.trials_reached, entry.marks[0]) == (0, 0, "1 trials without a record")
    assert {entry.submission for entry in found.entries} == {"quick", "averaged", "slow", "crashes"}
    assert f"ledger: {missing} of 4 planned trials have no record yet and count as missed: quick on toy/cpu" in found.head[1]
    assert ("SIGNATURE BROKEN" in found.head[0]) == (seal == "signed")


def test_everything_is_gone(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("quick", "averaged", "slow", "crashes"):
        shutil.rmtree(ledger / name)
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert "4 of 4 planned trials have no record" in out
    assert main(["score", str(ledger)], honest.root) == 2
    assert "4 trials, none finished" in capsys.readouterr().err


def test_a_trial_that_was_not_planned_does_not_count(honest: World, signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = board(signed)
    copy_to_study_2_with_new_numbers(signed / QUICK)
    added = QUICK.replace("study_1", "study_2")
    code, out = verified(honest, capsys, signed)
    assert code == 1
    assert "it is not a trial of campaign.yaml" in out
    assert f"1 record was added: {added}" in out
    after = board(signed)
    assert [entry.trials for entry in after.entries] == [entry.trials for entry in before.entries]
    assert f"ledger: 1 trials are not those of campaign.yaml and do not count: {added}" in after.head
    assert f"SIGNATURE BROKEN: 1 record was added: {added}" in after.head[0]


def test_a_record_in_anothers_folder_is_refused(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_to_study_2(ledger / QUICK)
    assert main(["score", str(ledger)], honest.root) == 2
    assert "it is of study 1, trial 1 of quick on toy/cpu, not of its folder" in capsys.readouterr().err


def without_quick(plan: Plan) -> Plan:
    return replace(plan, submissions=tuple(s for s in plan.submissions if s.name != "quick"))


def easier(plan: Plan) -> Plan:
    return replace(plan, workloads=(replace(plan.workloads[0], target=0.5),))


PLANS: dict[str, tuple[Callable[[Plan], Plan], str, str]] = {
    "another seed": (lambda plan: replace(plan, seed=plan.seed + 1), "seed is .*, by the plan", ""),
    "a submission less": (without_quick, "it is not a trial of campaign.yaml", f"1 trials are not those of campaign.yaml .*: {QUICK}"),
    "a study more": (lambda plan: replace(plan, studies=2), "4 of 8 planned trials have no record", "4 of 8 planned trials have no record"),
    "another target": (easier, "another version of toy/cpu|workload is .*, by the plan", ""),
}


@pytest.mark.parametrize("what", PLANS)
def test_a_plan_with_a_hash_made_anew(honest: World, signed: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    change, told, on_board = PLANS[what]
    plan = read_plan(signed)
    assert plan is not None
    write_plan(signed, change(plan))
    found = problems(honest, signed)
    assert "campaign.yaml was changed" in found.pop("signature.json")
    assert any(re.search(told, line) for line in found.values()), found
    if on_board:
        assert "SIGNATURE BROKEN: campaign.yaml was changed" in head(signed)
        assert re.search(on_board, head(signed))
    else:
        assert main(["score", str(signed)], honest.root) == 2
        assert "4 trials have a record, but none of them is one of campaign.yaml" in capsys.readouterr().err


def test_a_plan_that_was_edited_by_hand_or_is_gone(honest: World, signed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = signed / "campaign.yaml"
    plan.write_text(plan.read_text().replace("studies: 1", "studies: 2"))
    assert "was changed by hand" in problems(honest, signed)["campaign.yaml"]
    assert main(["score", str(signed)], honest.root) == 2
    assert "campaign.yaml was changed by hand" in capsys.readouterr().err
    plan.unlink()
    assert "but there is no campaign.yaml" in problems(honest, signed)[QUICK]
    assert "its campaign.yaml is missing: nobody can tell which trials of campaign" in head(signed)
    assert "SIGNATURE BROKEN: campaign.yaml was changed" in head(signed)


def test_signed_anew_with_another_key(honest: World, signed: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_key(tmp_path / "other")
    edit_json("record.json", reason="bad luck")(signed / SLOW)
    assert main(["sign", str(signed), f"key={other}", "again=true"], honest.root) == 0
    theirs, ours = (fingerprint(read_public_key(k.with_suffix(".pub"))) for k in (other, key))
    assert problems(honest, signed, key) == {"signature.json": f"it is signed by {theirs}, not by {ours}"}
    assert f"signed by {theirs}" in head(signed)
    assert verified(honest, capsys, signed)[0] == 0


def test_a_signature_cut_short_anywhere(honest: World, signed: Path) -> None:
    path = signed / "signature.json"
    text = path.read_bytes()
    for length in range(len(text) - 2):
        path.write_bytes(text[:length])
        assert "signature.json is damaged" in standing(signed).problems[0], length
    assert "signature.json is damaged" in problems(honest, signed)["signature.json"]
    assert "SIGNATURE BROKEN" in head(signed)
    path.unlink()
    assert "not signed" in head(signed)


def test_every_field_of_a_signature(honest: World, signed: Path, tmp_path: Path) -> None:
    path = signed / "signature.json"
    text = path.read_text()
    other = make_key(tmp_path / "other").with_suffix(".pub")
    changes = {
        "schema": 1,
        "digest": "0" * 64,
        "public_key": read_public_key(other),
        "signature": base64.b64encode(bytes(64)).decode(),
        "campaign_sha256": "0" * 64,
        "records": {},
        "bonus": 1,
    }
    assert changes.keys() >= json.loads(text).keys()
    for name, value in changes.items():
        path.write_text(json.dumps({**json.loads(text), name: value}))
        assert "signature.json" in problems(honest, signed), name
        assert "SIGNATURE BROKEN" in head(signed), name


def test_a_signature_whose_list_was_changed_with_the_record(honest: World, signed: Path) -> None:
    edit_json("record.json", reason="bad luck")(signed / SLOW)
    old = read_signature(signed)
    found = find([signed])
    write_signature(signed, Signature(found.contents(found.parts[0]), old.public_key, old.signature))
    told = f"signature.json is not what {old.fingerprint} signed"
    assert problems(honest, signed) == {"signature.json": told}
    assert f"SIGNATURE BROKEN: {told}" in head(signed)


def test_a_digest_is_of_one_list_alone(key: Path) -> None:
    """No two lists of records share a digest by the way they are written down."""
    one = Contents("p", {"a": "1", "b": "2"})
    others = (Contents("p", {"a 1\nb": "2"}), Contents("p", {"a": "1"}), Contents(None, one.records))
    assert one.digest not in {other.digest for other in others}
    assert one.digest == Contents("p", {"b": "2", "a": "1"}).digest
    assert sign(one, read_private_key(key)).holds()


def damage_a_row(ledger: Path) -> None:
    rows = ledger / QUICK / "evals.csv"
    rows.write_text(rows.read_text().replace(",", ";", 1))


REFUSED: dict[str, tuple[Callable[[Path], None], tuple[str, ...], str]] = {
    "a damaged row": (damage_a_row, ("incomplete=true",), f"not signed: {QUICK}: evals.csv: the header is not that of a ledger"),
    "another record": (lambda path: edit_json("record.json", seed=5)(path / QUICK), (), f"not signed: {QUICK}: record.json: seed is 5"),
    "a stray": (lambda path: copy_to_study_2_with_new_numbers(path / QUICK), (), "study_2/trial_1: "),
    "a missing trial": (lambda path: shutil.rmtree(path / QUICK), (), "1 of 4 planned trials have no record: .* add incomplete=true"),
    "no plan": (lambda path: (path / "campaign.yaml").unlink(), ("incomplete=true",), "no campaign.yaml in"),
    "a damaged plan": (lambda path: (path / "campaign.yaml").write_text("{}"), ("incomplete=true",), "is not a campaign's plan"),
    "an option": (lambda path: None, ("agian=true",), "no option 'agian'; did you mean 'again'"),
    "a flag": (lambda path: None, ("again=yes",), "again is true or false, not 'yes'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_signed(honest: World, ledger: Path, key: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    damage, more, words = REFUSED[what]
    damage(ledger)
    assert main(["sign", str(ledger), f"key={key}", *more], honest.root) == 2
    error = capsys.readouterr().err
    assert re.search(words, error), error
    assert error.count("\n") == 1
    assert not (ledger / "signature.json").exists()


def test_an_incomplete_ledger_is_signed_on_request_and_stays_incomplete(honest: World, ledger: Path, key: Path) -> None:
    shutil.rmtree(ledger / QUICK)
    assert main(["sign", str(ledger), f"key={key}", "incomplete=true"], honest.root) == 0
    assert list(problems(honest, ledger, key)) == ["campaign.yaml"]


def test_what_was_signed_before_is_not_signed_otherwise_without_being_told(
    honest: World, signed: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_json("record.json", reason="bad luck")(signed / SLOW)
    assert main(["sign", str(signed), f"key={key}"], honest.root) == 2
    assert f"1 records were signed before and have been changed or removed since: {SLOW}" in capsys.readouterr().err
    (signed / "signature.json").write_text("{")
    assert main(["sign", str(signed), f"key={key}"], honest.root) == 2
    assert "signature.json is damaged" in capsys.readouterr().err
    assert main(["sign", str(signed), f"key={key}", "again=true"], honest.root) == 0
    assert problems(honest, signed, key) == {}


@pytest.fixture
def keys(tmp_path: Path, key: Path) -> dict[str, Path]:
    curve = make_key(tmp_path / "curve", generate_private_key(SECP256R1()))
    (tmp_path / "text").write_text("hello")
    return {"public": key.with_suffix(".pub"), "curve": curve, "text": tmp_path / "text", "nowhere": tmp_path / "nowhere"}


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("public", "is not a private OpenSSH key"),
        ("text", "is not a private OpenSSH key; make one with: ssh-keygen -t ed25519"),
        ("curve", "is of another kind than ed25519"),
        ("nowhere", "cannot be read (No such file or directory)"),
    ],
)
def test_a_key_that_is_none(
    honest: World, ledger: Path, keys: dict[str, Path], which: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    launch = f"launch submissions=[quick] workloads=[toy/cpu] out={ledger.parent / 'new'}".split()
    for command in (["sign", str(ledger)], launch):
        assert main([*command, f"key={keys[which]}"], honest.root) == 2
        assert words in capsys.readouterr().err
    assert not (ledger.parent / "new").exists()


def test_a_launch_signs_at_its_end(honest: World, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launch = ["launch", "submissions=[quick]", "workloads=[toy/cpu]", "studies=1", f"out={tmp_path / 'new'}", f"key={key}"]
    assert main([*launch, "launcher=slurm"], honest.root) == 2
    assert "when the jobs have ended, use finishline sign" in capsys.readouterr().err
    assert main(launch, honest.root) == 0
    assert "new: 1 records signed by SHA256:" in capsys.readouterr().out
    assert problems(honest, tmp_path / "new", key) == {}
