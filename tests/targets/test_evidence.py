"""docs/targets.md says of each cpu workload what configs/targets/ says, or that there is nothing yet; and that follows from its runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import PROJECT
from harness.project.project import Project
from harness.targets.arithmetic import Crossing, Proposal, Run, best_run, meets, propose, validation_target
from harness.workload import WorkloadConfig

CPU = [name for name in Project(PROJECT).workload_ids() if name.endswith("/cpu")]
NOTHING_YET = "not run yet"


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("name", CPU)
def test_docs_and_evidence_agree(name: str) -> None:
    text = (PROJECT / "docs" / "targets.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    path, workload = PROJECT / "configs" / "targets" / f"{name.replace('/', '-')}.yaml", Project(PROJECT).workload(name)
    if not path.exists():
        assert set(cells) == {NOTHING_YET}
        return
    found = read(path)
    assert found["workload_version"] == workload.version
    follows(found, workload)
    proposed, winner = found["proposed"], found["winner"]
    sign = "≤" if workload.direction == "minimize" else "≥"
    assert cells[:10] == [
        f"{sign} {proposed['target']:g}",
        f"{sign} {found['present']['target']:g}",
        f"{proposed['test_target']:.4g}",
        f"{winner['submission']}, point {winner['point']}",
        f"{proposed['reached']} of {proposed['repeats']}",
        f"{proposed['median_steps']:g} of {found['step_hint']}",
        percent(proposed["spread_steps"]),
        f"{proposed['median_seconds']:.1f}",
        percent(proposed["spread_seconds"]),
        f"{proposed['budget_s']}",
    ]


def follows(found: dict[str, Any], workload: WorkloadConfig) -> None:
    """Asserts that winner, target and proposal of an evidence file are what its runs give."""
    runs, repeats = ([Run(**run) for run in found[name]] for name in ("search", "repeats"))
    crossings = [Crossing(**crossing) for crossing in found["at_target"]]
    best = best_run(runs, workload)
    assert found["winner"] == {"submission": best.submission, "point": best.point, "hp": best.hp, "best": best.best}
    target = validation_target(repeats, workload)
    assert {crossing.seed for crossing in crossings} == {run.seed for run in repeats if meets(run, target, workload)}
    proposed = {name: value for name, value in found["proposed"].items() if name in Proposal.__dataclass_fields__}
    assert Proposal(**proposed) == propose(target, crossings, len(repeats), workload)


def percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
