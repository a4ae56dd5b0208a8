"""`salt=`: committed to in the plan and each spec, kept for who makes data, never shown to a runner, told when it is revealed."""

import json
from pathlib import Path

import pytest
import yaml

from harness.cli import main
from harness.data import data_folder
from harness.ledger.record import read_record
from harness.project.project import Project
from harness.salt import commitment, keep_salt
from tests.conftest import TOY_WORKLOAD, World, last_of_each
from tests.test_cli import project

__all__ = ["project"]
SALT, OTHER = (bytes(range(start, start + 32)) for start in (0, 100))
LOOKS_FOR_IT = """
def setup(self):
    super().setup()
    for path in (self.hp.given, self.hp.kept):
        try:
            print("STOLE", open(path, "rb").read())
        except OSError as error:
            print("LOOKED", error)
"""


@pytest.fixture
def salted(project: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project with two salts, a cache of its own, and a toy workload that draws its held-out data."""
    text = TOY_WORKLOAD
    for old, new in {
        "import time\n": "import time\nfrom harness.salt import split_seed\n",
        "class Toy(Workload):\n": "class Toy(Workload):\n    draws_held_out = True\n",
        "default_rng(number)": "default_rng(split_seed(number, split, salt))",
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (project.root / "workloads" / "toy" / "workload.py").write_text(text)
    for name, salt in (("salt", SALT), ("other", OTHER)):
        (project.root / name).write_bytes(salt)
    monkeypatch.setenv("FINISHLINE_CACHE", str(project.root / "cache"))
    return World(project.root, project.root / "cache")


def launch(salted: World, *more: str) -> int:
    words = last_of_each("submissions=[quick]", "workloads=[toy/cpu]", "studies=1", "out=ledger", *more)
    return main(["launch", *words], salted.root)


def spec_of(ledger: Path) -> dict:
    (path,) = ledger.rglob("spec.json")
    return json.loads(path.read_text())


def test_a_campaign_commits_to_its_salt_and_keeps_to_it(salted: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(salted, "salt=salt", "dry_run=true") == 0
    assert not salted.cache.exists()
    assert launch(salted, "salt=salt") == 0
    ledger = salted.root / "ledger"
    assert yaml.safe_load((ledger / "campaign.yaml").read_text())["salt"] == spec_of(ledger)["salt"] == commitment(SALT)
    assert not [
        path for path in ledger.rglob("*") if path.is_file() and (SALT in (content := path.read_bytes()) or SALT.hex().encode() in content)
    ]
    assert launch(salted, "studies=2") == 0  # what is not said stays
    assert {json.loads(path.read_text())["salt"] for path in ledger.rglob("spec.json")} == {commitment(SALT)}
    assert launch(salted, "studies=2", "salt=other") == 2
    assert "the campaign there has another salt: choose another out=" in capsys.readouterr().err


def test_an_unsalted_campaign_stays_so(salted: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(salted) == 0
    assert spec_of(salted.root / "ledger")["salt"] is None
    assert launch(salted, "salt=salt") == 2
    assert "the campaign there has another salt" in capsys.readouterr().err
    assert launch(salted, "salt=salt", "fork=true") == 0
    assert spec_of(salted.root / "ledger-fork1")["salt"] == commitment(SALT)


def test_a_salt_changes_what_is_evaluated_and_not_what_is_learnt(salted: World) -> None:
    rows = {}
    for name, option in (("public", []), ("salted", ["salt=salt"]), ("again", ["salt=salt"])):
        assert main(["run", "workload=toy/cpu", "submission=slow", f"out={name}", *option], salted.root) == 3
        (path,) = (salted.root / name).rglob("record.json")
        rows[name] = read_record(path.parent).last.valid_metric
    assert rows["salted"] == rows["again"] != rows["public"]
    config = Project(salted.root).workload("toy/cpu")
    trains = [data_folder(config, salted.cache, salt) / "train" / "columns.npz" for salt in (None, commitment(SALT))]
    assert trains[0].read_bytes() == trains[1].read_bytes()


@pytest.mark.parametrize("option", ["run workload=toy/cpu submission=quick", "launch submissions=[quick] workloads=[toy/cpu] out=ledger"])
def test_what_is_no_salt(salted: World, capsys: pytest.CaptureFixture[str], option: str) -> None:
    (salted.root / "short").write_bytes(b"x" * 15)
    for name, words in (("nowhere", "is no file"), ("short", "holds 15 bytes")):
        assert main([*option.split(), f"salt={name}"], salted.root) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert not (salted.root / "ledger").exists()


@pytest.mark.parametrize(("mode", "told"), [("bwrap", "LOOKED"), ("none", "STOLE")])
def test_a_runner_cannot_read_it(salted: World, mode: str, told: str) -> None:
    """With the sandbox; without one nothing is hidden, and the record says so."""
    committed = keep_salt(SALT, salted.cache)
    hp = {"learning_rate": 0.02, "given": str(salted.root / "salt"), "kept": str(salted.cache / f"salt-{committed}")}
    outcome = salted.run(LOOKS_FOR_IT, hp=hp, sandbox=mode, target=0.05, salt=committed)
    assert outcome.record.verdict == "reached"
    assert [line.split()[0] for line in (outcome.folder / "log.txt").read_text().splitlines()] == [told] * 2


def test_a_worker_without_the_salt_says_so(salted: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch(salted, "salt=salt") == 0
    monkeypatch.setenv("FINISHLINE_CACHE", str(salted.root / "elsewhere"))
    capsys.readouterr()
    assert launch(salted, "studies=2") == 2
    error = capsys.readouterr().err
    assert f"the held-out data of toy/cpu are drawn under a salt (its commitment: {commitment(SALT)})" in error
    assert error.count("\n") == 1


def test_verify_evaluates_again_under_the_salt_that_is_revealed(
    salted: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launch(salted, "salt=salt") == 0
    verify = ["verify", "ledger"]
    capsys.readouterr()
    assert main(verify, salted.root) == 0  # the data are here
    assert "to the last bit" in capsys.readouterr().out
    monkeypatch.setenv("FINISHLINE_CACHE", str(salted.root / "elsewhere"))
    assert main(verify, salted.root) == 0
    assert "no, needs salt=" in capsys.readouterr().out
    assert main([*verify, "salt=other"], salted.root) == 1
    assert f"salt is {commitment(SALT)}, the commitment to the one given is {commitment(OTHER)}" in capsys.readouterr().out
    assert main([*verify, "salt=salt"], salted.root) == 0
    assert "to the last bit" in capsys.readouterr().out


def test_verify_finds_an_unsalted_ledger_that_is_called_salted(salted: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch(salted) == 0
    assert main(["verify", "ledger", "salt=salt"], salted.root) == 1
    assert "salt is None, the commitment to the one given is" in capsys.readouterr().out
