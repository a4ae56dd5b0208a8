"""Are the trials of a ledger those of its plan, each once?"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.campaign.plan import read_plan
from harness.errors import UserError
from harness.project import Project
from harness.trial.spec import TrialSpec
from harness.verify.trial import Trial

Problems = dict[Path, list[str]]


@dataclass(frozen=True)
class _Plan:
    """The trials of a campaign.yaml by folder, or why it cannot be read."""

    trials: dict[Path, TrialSpec]
    exists: bool
    damage: str = ""


def campaigns(trials: Sequence[Trial], project: Project) -> Problems:
    """Returns by folder what is off with trials as members of their campaign; a damaged campaign.yaml stands under its own path."""
    problems: Problems = {}
    plans = {ledger: _plan(ledger, project) for ledger in {trial.ledger for trial in trials}}
    for ledger, plan in plans.items():
        if plan.damage:
            problems[ledger / "campaign.yaml"] = [plan.damage]
    for trial in trials:
        found = _off_plan(trial, plans[trial.ledger])
        if found:
            problems[trial.folder] = found
    return problems


def repeats(trials: Sequence[Trial]) -> Problems:
    """Returns by folder which trials used a seed twice, or are copies of each other."""
    problems: Problems = {}
    seen: dict[Any, Trial] = {}
    for trial in trials:
        spec, content = trial.spec, (trial.folder / "evals.csv")
        digest = hashlib.sha256(content.read_bytes()).hexdigest() if trial.rows else None
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


def _plan(ledger: Path, project: Project) -> _Plan:
    try:
        plan = read_plan(ledger)
    except UserError as error:
        return _Plan({}, True, str(error))
    return _Plan({spec.folder(ledger): spec for spec in plan.trials(project)} if plan else {}, plan is not None)


def _off_plan(trial: Trial, plan: _Plan) -> list[str]:
    if plan.damage:
        return []
    if not plan.exists:
        return [f"it is of campaign {trial.spec.campaign}, but there is no campaign.yaml"] if trial.spec.campaign is not None else []
    planned = plan.trials.get(trial.folder)
    if planned is None:
        return ["it is not a trial of campaign.yaml"]
    ours, theirs = asdict(trial.spec), asdict(planned)
    different = [name for name in ours if ours[name] != theirs[name] and not name.endswith("_path")]
    return [f"spec.json: {name} is {ours[name]}, by the plan {theirs[name]}" for name in different]
