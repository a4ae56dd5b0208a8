"""The evidence that is published in configs/targets/ holds: the proposal follows from its runs, and docs/targets.md says the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import PROJECT
from harness.project import Project
from harness.targets.arithmetic import Crossing, Proposal, Run, best_run, meets, propose, validation_target

FILES = sorted((PROJECT / "configs" / "targets").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_every_cpu_workload_has_evidence_of_its_present_version() -> None:
    project = Project(PROJECT)
    found = {read(path)["workload"]: read(path)["workload_version"] for path in FILES}
    for workload in filter(lambda name: name.endswith("/cpu"), project.workload_ids()):
        assert found[workload] == project.workload(workload).version


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_proposal_follows_from_the_runs(path: Path) -> None:
    found = read(path)
    workload = Project(PROJECT).workload(found["workload"])
    runs, repeats = ([Run(**run) for run in found[name]] for name in ("search", "repeats"))
    crossings = [Crossing(**crossing) for crossing in found["at_target"]]
    best = best_run(runs, workload)
    assert found["winner"] == {"submission": best.submission, "point": best.point, "hp": best.hp, "best": best.best}
    target = validation_target(repeats, workload)
    assert {crossing.seed for crossing in crossings} == {run.seed for run in repeats if meets(run, target, workload)}
    proposed = {name: value for name, value in found["proposed"].items() if name in Proposal.__dataclass_fields__}
    assert Proposal(**proposed) == propose(target, crossings, len(repeats), workload)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_docs_say_the_same(path: Path) -> None:
    found = read(path)
    text = (PROJECT / "docs" / "targets.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{found['workload']}` |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    proposed, sign = found["proposed"], "≤" if found["direction"] == "minimize" else "≥"
    assert cells[1] == f"{sign} {proposed['target']:g}"
    assert cells[3] == f"{proposed['test_target']:.4g}"
    assert cells[4] == f"{found['winner']['submission']}, point {found['winner']['point']}"
    assert cells[5] == f"{proposed['reached']} of {proposed['repeats']}"
    assert cells[6] == f"{proposed['median_steps']:g} of {found['step_hint']}"
    assert cells[7] == percent(proposed["spread_steps"])
    assert cells[8] == f"{proposed['median_seconds']:.1f}"
    assert cells[9] == percent(proposed["spread_seconds"])
    assert cells[10] == f"{proposed['budget_s']}"


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
