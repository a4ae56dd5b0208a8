"""A ledger that was tampered with is found out, and the line says what; an honest one, resumed or crashed trials included, is not."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from harness.cli import main
from harness.ledger.record import read_record
from harness.project.project import Project
from harness.verify import evaluations
from harness.verify.ledger import verify
from harness.verify.trial import find
from harness.verify.weights import Reevaluation
from tests.conftest import World

QUICK = "quick/toy-cpu/study_1/trial_1"


def verified(honest: World, capsys: pytest.CaptureFixture[str], *paths: Path) -> tuple[int, str]:
    """Exit code and output of `finishline verify`."""
    capsys.readouterr()
    code = main(["verify", *map(str, paths)], honest.root)
    return code, capsys.readouterr().out


def test_an_honest_ledger_is_ok(honest: World, capsys: pytest.CaptureFixture[str]) -> None:
    resumed = read_record(honest.root / "ledger" / QUICK.replace("quick", "averaged"))
    assert len(resumed.segments) == 2
    assert read_record(honest.root / "ledger" / QUICK.replace("quick", "crashes")).verdict == "crashed"
    code, out = verified(honest, capsys, honest.root / "ledger")
    assert code == 0, out
    assert out.splitlines()[-1] == "4 trials verified, 0 wrong"
    assert out.count("to the last bit") == 2
    assert len(re.findall(r"│ ok +│", out)) == 4


def edit_json(name: str, **changes: object) -> Callable[[Path], None]:
    """A tampering that changes fields of a JSON file; `a__b` is the field b of a."""

    def tamper(trial: Path) -> None:
        content = json.loads((trial / name).read_text())
        for field, value in changes.items():
            *path, last = field.split("__")
            part = content
            for key in path:
                part = part[int(key) if key.isdigit() else key]
            part[last] = value(part[last]) if callable(value) else value
        (trial / name).write_text(json.dumps(content))

    return tamper


def edit_rows(change: Callable[[list[dict[str, str]]], object]) -> Callable[[Path], None]:
    """A tampering with evals.csv."""

    def tamper(trial: Path) -> None:
        with (trial / "evals.csv").open() as file:
            rows = list(csv.DictReader(file))
        columns = list(rows[0])
        change(rows)
        with (trial / "evals.csv").open("w") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return tamper


def renumber(rows: list[dict[str, str]]) -> None:
    del rows[3]
    for number, row in enumerate(rows):
        row["evaluation"] = str(number)


def change_a_weight(trial: Path) -> None:
    path = trial / "target.safetensors"
    weights = load_file(path)
    weights["linear.weight"][0, 3] += 1e-3
    save_file(weights, path)


def change_a_weight_and_its_hash(trial: Path) -> None:
    from harness.base.files import file_sha256

    change_a_weight(trial)
    edit_json("record.json", weights_sha256=file_sha256(trial / "target.safetensors"))(trial)


def faster(trial: Path) -> None:
    """Halves everything that is a time."""
    less = lambda seconds: float(seconds) / 2  # noqa: E731
    edit_json("record.json", time_s=less, reached__time_s=less, last__time_s=less, segments__0__time_s=less)(trial)
    edit_rows(lambda rows: [row.update(time_s=repr(less(row["time_s"]))) for row in rows[-1:]])(trial)


def copy_to_study_2(trial: Path) -> None:
    shutil.copytree(trial, trial.parents[1] / "study_2" / "trial_1")


def copy_to_study_2_with_new_numbers(trial: Path) -> None:
    copy_to_study_2(trial)
    for name in ("spec.json", "record.json"):
        edit_json(name, study=2)(trial.parents[1] / "study_2" / "trial_1")


TAMPERED = {
    "metric in the last row": (
        edit_rows(lambda rows: rows[-1].update(valid_metric="0.01")),
        "valid_metric of reached is .*, evals.csv says 0.01",
    ),
    "a row at both targets before": (
        edit_rows(lambda rows: rows[2].update(valid_metric="0.04", test_metric="0.9")),
        "evaluation 2 reached the target .* went on",
    ),
    "a row at the validation target before": (
        edit_rows(lambda rows: rows[2].update(valid_metric="0.04")),
        "evaluation 2 has no test metric",
    ),
    "a look at the test split before": (edit_rows(lambda rows: rows[2].update(test_metric="0.9")), "evaluation 2 has a test metric"),
    "a test metric beyond its target": (edit_rows(lambda rows: rows[-1].update(test_metric="1.1")), "but no evaluation reached the target"),
    "time in a row": (edit_rows(lambda rows: rows[2].update(time_s="0.0")), "time_s of evaluation 2 is 0.0, below the one before it"),
    "examples in a row": (edit_rows(lambda rows: rows[2].update(examples="65")), "came at 65 examples, before it was due at 80"),
    "a row": (edit_rows(lambda rows: rows.pop(3)), "evaluation 4 where 3 must come"),
    "a row, the others renumbered": (edit_rows(renumber), "the chain breaks at line 5: a row was changed, added or taken out"),
    "the first row": (edit_rows(lambda rows: rows.pop(0)), "evaluation 1 where 0 must come"),
    "the last row": (edit_rows(lambda rows: rows.pop()), "the verdict is reached, but no evaluation reached the target"),
    "a row cut short": (lambda trial: (trial / "evals.csv").open("a").write("9,1"), "line .* is not a row"),
    "time_s of the record": (edit_json("record.json", time_s=lambda s: s - 0.01), "the segments sum to"),
    "wall_s of the record": (edit_json("record.json", wall_s=lambda s: s + 1), "sum to .*, wall_s is"),
    "every time": (faster, "evals.csv: the chain breaks at line"),
    "valid_metric of the record": (edit_json("record.json", reached__valid_metric=0.01), "valid_metric of reached is 0.01"),
    "best_metric": (edit_json("record.json", best_metric=0.0), "best_metric is 0.0"),
    "test metric everywhere": (
        lambda trial: (
            edit_json("record.json", reached__test_metric=0.01, last__test_metric=0.01)(trial),
            edit_rows(lambda rows: rows[-1].update(test_metric="0.01"))(trial),
        ),
        "evaluated again, test_metric is .*, the record says 0.01",
    ),
    "verdict": (edit_json("record.json", verdict="missed", reached=None), "the verdict is missed, but evaluation .* reached the target"),
    "hardware": (edit_json("record.json", hardware="a faster one"), "hardware is a faster one, environment.json says"),
    "target of the record": (edit_json("record.json", target=0.5), "target is 0.5, spec.json says 0.05"),
    "target of record and spec": (
        lambda trial: (edit_json("record.json", target=0.04)(trial), edit_json("spec.json", workload__target=0.04)(trial)),
        r"another version of toy/cpu than the project's, with target 0.04 \(project: 0.05\)",
    ),
    "seed of the record": (edit_json("record.json", seed=5), "seed is 5, spec.json says"),
    "seed of spec and record": (
        lambda trial: (edit_json("record.json", seed=5)(trial), edit_json("spec.json", seed=5)(trial)),
        "spec.json: seed is 5, by the plan",
    ),
    "hyperparameters": (edit_json("spec.json", hp__learning_rate=0.5), "hp is .*, by the plan"),
    "budget": (edit_json("spec.json", budget_s=99.0), "budget_s is 30.*, spec.json says 99"),
    "a segment": (edit_json("record.json", segments__0__time_s=lambda s: s / 2), "the segments sum to"),
    "a segment's start": (edit_json("record.json", segments__0__first_evaluation=2), "segment 0 cannot begin at evaluation 2"),
    "a loss in the middle": (
        edit_rows(lambda rows: rows[1].update(valid_loss="0.5")),
        "evals.csv: the chain breaks at line 3: a row was changed",
    ),
    "a weight": (change_a_weight, "target.safetensors does not hash to weights_sha256"),
    "a weight and its hash": (change_a_weight_and_its_hash, "evaluated again, valid_metric is"),
    "no weights": (lambda trial: (trial / "target.safetensors").unlink(), "target.safetensors is missing"),
    "source": (lambda trial: (trial / "source" / "submission.py").open("a").write("#"), "source/ does not hash to source_hash"),
    "schema": (edit_json("record.json", schema=7), "record.json: ledger schema 7"),
    "a wrong kind": (edit_json("record.json", time_s="soon"), r"record.json is damaged \(Expected `float`, got `str` - at `\$.time_s`\)"),
    "a field": (edit_json("record.json", bonus=1), r"record.json is damaged \(unknown field bonus\)"),
    "no spec": (lambda trial: (trial / "spec.json").unlink(), "a record.json but no spec.json"),
    "a copied trial": (copy_to_study_2, "spec.json is of quick/toy-cpu/study_1/trial_1, not of this folder"),
    "a copied trial, renumbered": (copy_to_study_2_with_new_numbers, f"not a trial of campaign.yaml; .* byte for byte that of {QUICK}"),
    "an added trial with the seed of another": (copy_to_study_2_with_new_numbers, f"seed .* was used before, by {QUICK}"),
    "the plan": (
        lambda trial: (plan := trial.parents[3] / "campaign.yaml").write_text(plan.read_text().replace("seed: 1", "seed: 2")),
        "campaign.yaml was changed by hand",
    ),
    "no plan": (lambda trial: (trial.parents[3] / "campaign.yaml").unlink(), "but there is no campaign.yaml"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    tamper, words = TAMPERED[what]
    tamper(ledger / QUICK)
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert re.search(words, out), out
    assert not out.endswith(" 0 wrong\n")


def test_only_the_tampered_trial_is_wrong(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_a_weight(ledger / QUICK)
    _, out = verified(honest, capsys, ledger)
    assert out.splitlines()[-1] == "4 trials verified, 1 wrong"
    assert len(re.findall(r"│ ok +│", out)) == 3


def test_time_cannot_be_moved_between_segments(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = read_record(ledger / QUICK.replace("quick", "averaged")).segments[1].time_s / 2
    moved = {"segments__0__time_s": lambda s: s + part, "segments__1__time_s": lambda s: s - part}
    edit_json("record.json", **moved)(ledger / QUICK.replace("quick", "averaged"))
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert "segment 1 begins at" in out


def test_a_miss_cannot_become_a_hit(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = ledger / QUICK.replace("quick", "slow")
    last = json.loads((trial / "record.json").read_text())["last"]
    edit_json("record.json", verdict="reached", reason="really", reached=last)(trial)
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert "the verdict is reached, but no evaluation reached the target" in out
    assert "target.safetensors is missing" in out


def test_the_same_trial_in_two_ledgers(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verified(honest, capsys, honest.root / "ledger", ledger)
    assert code == 1
    assert "the same trial of the same campaign is also in" in out
    assert out.splitlines()[-1] == "8 trials verified, 4 wrong"
    assert verified(honest, capsys, ledger, ledger / "quick")[0] == 0


def test_a_trial_without_a_record_is_missing_from_its_plan(honest: World, ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ledger / QUICK / "record.json").unlink()
    code, out = verified(honest, capsys, ledger)
    assert code == 1
    assert f"1 of 4 planned trials have no record: {QUICK}" in out
    assert out.splitlines()[-1] == "3 trials verified, 0 wrong, campaign.yaml wrong, 1 not finished"


def test_without_a_plan_an_unfinished_trial_is_counted(ledger: Path) -> None:
    (ledger / "campaign.yaml").unlink()
    (ledger / QUICK / "record.json").unlink()
    found = find([ledger])
    assert (found.unfinished, len(found.trials)) == ([ledger / QUICK], 3)


def test_training_may_go_on_past_the_target_on_the_validation_split(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the test split has a target of its own, a row that is not there yet has a test metric and ends nothing."""
    trial = next(trial for trial in find([ledger]).trials if trial.name == QUICK)
    rows = [*trial.rows[:-1], replace(trial.rows[-1], step=trial.rows[-1].step - 1, test_metric=0.5), trial.rows[-1]]
    longer = replace(trial, rows=rows)
    assert "but the trial went on" in str(list(evaluations.target(longer)))
    monkeypatch.setattr(evaluations, "reached", lambda config, row: evaluations.at_target(config, row) and (row.test_metric or 1) < 0.4)
    assert list(evaluations.target(longer)) == []
    rows[-2] = replace(rows[-2], test_metric=None)
    assert list(evaluations.target(longer)) == [f"evals.csv: evaluation {rows[-1].evaluation} has no test metric"]


def test_another_machine_is_given_a_tolerance(honest: World, ledger: Path) -> None:
    trial = next(trial for trial in find([ledger]).trials if trial.name == QUICK)
    again = Reevaluation(Project(honest.root), honest.cache)
    assert again.tolerance(trial) == 0
    row = trial.record.reached
    near = replace(row, valid_metric=row.valid_metric * (1 + 1e-6))
    foreign = replace(trial, record=replace(trial.record, hardware="another", reached=near))
    assert again.tolerance(foreign) == 1e-4
    assert list(again.check(foreign)) == []
    assert list(again.check(replace(trial, record=replace(trial.record, reached=near))))
    far = replace(row, valid_metric=row.valid_metric * (1 + 1e-3))
    assert list(again.check(replace(foreign, record=replace(foreign.record, reached=far))))


def test_verify_makes_missing_data(honest: World, tmp_path: Path) -> None:
    outcomes = list(verify(find([honest.root / "ledger"]), Project(honest.root), tmp_path / "new"))
    assert [outcome.problems for outcome in outcomes] == [()] * 4


WRONG = {
    "verify": "give the folder of at least one ledger",
    "verify nowhere": "nowhere cannot be read: there is no such folder",
    "verify workloads": "no trial in it",
    "verify ledger out=x": "no option 'out'",
    "verify ledger key=nowhere": "key=nowhere cannot be read",
    "verify ledger key=workloads/toy/workload.py": "is not a public OpenSSH key of kind ed25519",
    "verify ledger slat=x": "no option 'slat'; did you mean 'salt'?",
    "verify ledger salt=nowhere": "salt=nowhere is no file",
}


@pytest.mark.parametrize(("command", "words"), WRONG.items())
def test_wrong_input(honest: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, words: str) -> None:
    monkeypatch.chdir(honest.root)
    assert main(command.split(), honest.root) == 2
    assert words in capsys.readouterr().err
