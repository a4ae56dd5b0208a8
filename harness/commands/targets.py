"""finishline targets: where the finish line of a workload belongs, from what standard algorithms reach."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from yaml import YAMLError

from harness.data import cache_root
from harness.errors import UserError, suggest
from harness.ledger.spec import TrialSpec
from harness.project.config import RunOptions
from harness.project.project import Project
from harness.targets.arithmetic import best_run, meets, propose, validation_target
from harness.targets.evidence import Evidence, evidence_path, write_evidence
from harness.targets.report import Lines, in_words
from harness.targets.runs import FinishedTrial, TargetSearch, as_crossing, as_run, plan, run_all, to_run, with_target
from harness.trial.import_check import check_importable

STANDARD = ("adamw_linear_zero", "nadamw", "sgd_nesterov", "sgd_heavy_ball")


@dataclass
class TargetsOptions:
    """`trials` quasi-random points of each submission, the best one over `seeds` seeds; `out` is the folder of the ledgers."""

    workload: str = MISSING
    out: str = MISSING
    trials: int = 20
    seeds: int = 5
    seed: int = 1
    submissions: list[str] = field(default_factory=lambda: list(STANDARD))


def main(arguments: Sequence[str], root: Path) -> int:
    """Runs what is missing, writes configs/targets/<name>-<tier>.yaml and prints the proposal beside the present target."""
    project, given = Project(root), _options(arguments)
    search = plan(project, given.workload, given.submissions, given.trials, given.seeds, given.seed)
    for submission in search.submissions:
        check_importable(Path(submission.path), RunOptions.sandbox)
    console = Console(highlight=False)
    evidence = find_target(search, Path(given.out).absolute(), _command(given), console)
    path = evidence_path(project.configs, search)
    write_evidence(path, evidence)
    console.print(in_words(evidence, path), soft_wrap=True, markup=False)
    return 0


def find_target(search: TargetSearch, out: Path, command: str, console: Console) -> Evidence:
    """Runs the three stages, each as far as it is missing: the search, the repeats of its best point, these with the target in place."""
    workload, cache, lines = search.workload, cache_root(), Lines(console)

    def stage(name: str, specs: list[TrialSpec]) -> list[FinishedTrial]:
        ledger = out / name
        console.print(f"{workload.id} {name}: {len(specs)} trials, {to_run(specs, ledger)} to run", soft_wrap=True)
        return run_all(specs, ledger, cache, lines)

    searched = stage("search", list(search.search()))
    runs = [as_run(ended) for ended in searched]
    best = best_run(runs, workload)
    repeated = stage("repeats", list(search.repeats(best)))
    repeats = [as_run(ended) for ended in repeated]
    target = validation_target(repeats, workload)
    met = [first for first, run in zip(repeated, repeats, strict=True) if meets(run, target, workload)]
    again = stage(f"target_{target!r}", [with_target(first.spec, target) for first in met])
    crossings = [as_crossing(*pair) for pair in zip(again, met, strict=True)]
    proposal = propose(target, crossings, len(repeats), workload)
    return Evidence(search, command, best, proposal, tuple(runs), tuple(repeats), tuple(crossings), (*searched, *repeated, *again))


def _options(arguments: Sequence[str]) -> TargetsOptions:
    known = [f.name for f in fields(TargetsOptions)]
    for text in arguments:
        name, equals, _ = text.partition("=")
        if not equals:
            raise UserError(f"targets: '{text}' is not an option; options are written name=value")
        if name not in known:
            raise UserError(f"targets: no option '{name}'{suggest(name, known)}")
    try:
        merged: Any = OmegaConf.merge(OmegaConf.structured(TargetsOptions), OmegaConf.from_dotlist(list(arguments)))
        missing = [name for name in known if OmegaConf.is_missing(merged, name)]
        if missing:
            raise UserError(f"targets: {missing[0]}= is missing; see finishline --help")
        content: Any = OmegaConf.to_object(merged)
    except (OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"targets: {' '.join(str(error).split())}") from None
    given: TargetsOptions = content
    for name in ("trials", "seeds"):
        if getattr(given, name) < 1:
            raise UserError(f"targets: {name} must be at least 1, not {getattr(given, name)}")
    if not given.submissions or len(set(given.submissions)) < len(given.submissions):
        raise UserError(f"targets: submissions must be a list of different names, not {given.submissions}")
    return given


def _command(given: TargetsOptions) -> str:
    values = {**given.__dict__, "submissions": f"[{','.join(given.submissions)}]"}
    return "finishline targets " + " ".join(f"{name}={value}" for name, value in values.items())
