"""Are the trials of a ledger those of its plan, each once?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.files import file_sha256
from harness.campaign.plan import specs
from harness.errors import UserError
from harness.ledger.paths import TrialPaths
from harness.ledger.plan import read_plan
from harness.ledger.signature import named
from harness.ledger.spec import TrialSpec
from harness.ledger.walk import Part
from harness.project.project import Project
from harness.verify.trial import Trial

Problems = dict[Path, list[str]]


@dataclass(frozen=True)
class Planned:
    """The planned trials of (a part of) a ledger by folder, and which have no record; `damage`: why campaign.yaml cannot be read."""

    trials: dict[Path, TrialSpec]
    missing: tuple[str, ...]
    exists: bool
    damage: str = ""

    @property
    def missing_in_words(self) -> str:
        """Which planned trials have no record, in a line; empty if none is missing."""
        if not self.missing:
            return ""
        return f"{len(self.missing)} of {len(self.trials)} planned trials have no record: {named(set(self.missing))}"


def planned(part: Part, project: Project) -> Planned:
    """Holds (a part of) a ledger against its campaign.yaml."""
    ledger = Path(part.ledger)
    try:
        plan = read_plan(ledger)
    except UserError as error:
        return Planned({}, (), True, str(error))
    if plan is None:
        return Planned({}, (), False)
    trials = {spec.folder(ledger): spec for spec in specs(plan, project)}
    asked = {folder: spec for folder, spec in trials.items() if part.asks_for(spec.key.place)}
    missing = tuple(spec.key.place for folder, spec in asked.items() if not TrialPaths(folder).record.exists())
    return Planned(asked, missing, True)


def off_plan(folder: Path, spec: TrialSpec | None, plan: Planned) -> list[str]:
    """Returns what is off with a trial (None: its spec cannot be read) as a member of its campaign."""
    if plan.damage:
        return []
    if not plan.exists:
        return [f"it is of campaign {spec.campaign}, but there is no campaign.yaml"] if spec and spec.campaign is not None else []
    if folder not in plan.trials:
        return ["it is not a trial of campaign.yaml"]
    if spec is None:
        return []
    by_plan = plan.trials[folder]
    return [f"spec.json: {name} is {getattr(spec, name)}, by the plan {getattr(by_plan, name)}" for name in spec.differences(by_plan)]


def repeats(trials: Sequence[Trial]) -> Problems:
    """Returns by folder which trials used a seed twice, or are copies of each other."""
    problems: Problems = {}
    seen: dict[Any, Trial] = {}
    for trial in trials:
        spec = trial.spec
        digest = file_sha256(trial.files.rows) if trial.rows else None
        place = (spec.submission, spec.workload.id)
        keys: dict[tuple[Any, ...], str] = {
            ("seed", trial.ledger, *place, spec.seed): f"seed {spec.seed} was used before, by",
            ("rows", digest): "evals.csv is byte for byte that of",
        }
        if spec.campaign is not None:
            keys["trial", spec.campaign, *place, spec.study, spec.trial] = "the same trial of the same campaign is also in"
        for key, words in keys.items():
            if key[-1] is not None and key in seen:
                other = seen[key]
                problems.setdefault(trial.folder, []).append(f"{words} {other.name if other.ledger == trial.ledger else other.folder}")
            seen.setdefault(key, trial)
        weights = ("weights", trial.record.weights_sha256)
        if weights[1] is not None and weights in seen and seen[weights].spec.seed != spec.seed:
            problems.setdefault(trial.folder, []).append(f"the weights are those of {seen[weights].name}, which had another seed")
        seen.setdefault(weights, trial)
    return problems
