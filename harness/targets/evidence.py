"""`configs/targets/<name>-<tier>.yaml`: a proposed target with every run that it rests on. The same ledger gives the same file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.base.files import write_atomically
from harness.errors import UserError
from harness.targets.arithmetic import BUDGET_FACTOR, Crossing, Proposal, Run, meets, spread
from harness.targets.runs import FinishedTrial, TargetSearch

SCHEMA = 1
WIDTH = 140


@dataclass(frozen=True)
class Evidence:
    """All that was run: `repeats` are the best run's point with other seeds, `crossings` those that reached the target, once more."""

    search: TargetSearch
    command: str
    best: Run
    proposal: Proposal
    runs: tuple[Run, ...]
    repeats: tuple[Run, ...]
    crossings: tuple[Crossing, ...]
    ended: tuple[FinishedTrial, ...]

    @property
    def hours(self) -> float:
        """Hours of all trials together, off the clock included."""
        return sum(e.record.wall_s for e in self.ended) / 3600

    def reaching(self, submission: str) -> int:
        """Returns how many of a submission's points of the search reach the target."""
        runs = [run for run in self.runs if run.submission == submission]
        return sum(meets(run, self.proposal.target, self.search.workload) for run in runs)


def evidence_path(configs: Path, search: TargetSearch) -> Path:
    """Returns where the evidence of a workload is kept."""
    return configs / "targets" / f"{search.workload.id.replace('/', '-')}.yaml"


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Writes the file, whole or not at all; raises UserError when it cannot be written."""
    text = yaml.safe_dump(to_yaml(evidence), sort_keys=False, default_flow_style=None, width=WIDTH)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"# what this says: docs/targets.md\n{text}")
    except OSError as error:
        raise UserError(f"targets: {path} cannot be written ({error.strerror}); the runs are kept, the same command writes it") from None


def to_yaml(evidence: Evidence) -> dict[str, Any]:
    """Returns the content of the file."""
    workload, search, best = evidence.search.workload, evidence.search, evidence.best
    records = [e.record for e in evidence.ended]
    return {
        "schema": SCHEMA,
        "workload": workload.id,
        "workload_version": workload.version,
        "metric": workload.metric,
        "direction": workload.direction.value,
        "step_hint": workload.step_hint,
        "reference_batch": workload.reference_batch,
        "command": evidence.command,
        "date": max(segment.started_at for record in records for segment in record.segments),
        "machines": sorted({record.hardware for record in records}),
        "versions": _different([dict(record.versions) for record in records]),
        "hours": round(evidence.hours, 3),
        "present": {"target": workload.target, "budget_s": workload.budget_s},
        "proposed": {**asdict(evidence.proposal), "budget_factor": BUDGET_FACTOR},
        "winner": {"submission": best.submission, "point": best.point, "hp": dict(best.hp), "best": best.best},
        "repeats": [_plain(asdict(run)) for run in evidence.repeats],
        "spread_best": spread([run.best for run in evidence.repeats if run.best is not None]),
        "at_target": [asdict(crossing) for crossing in evidence.crossings],
        "submissions": {
            s.name: {"source_hash": s.source_hash, "points": search.trials, "reaching": evidence.reaching(s.name)}
            for s in search.submissions
        },
        "search": [_plain(asdict(run)) for run in evidence.runs],
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "hp": dict(values["hp"])}


def _different(items: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return [item for number, item in enumerate(items) if item not in items[:number]]
