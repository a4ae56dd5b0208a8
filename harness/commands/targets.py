"""finishline targets: where the finish line of a workload belongs, from what standard algorithms reach."""

from pathlib import Path

from rich.console import Console

from harness.base.output import new_console
from harness.commands.options import TargetsOptions, TrialOptions
from harness.data import cache_root
from harness.errors import resumable
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.targets.arithmetic import best_run, meets, propose, validation_target
from harness.targets.evidence import Evidence, evidence_path, write_evidence
from harness.targets.report import Lines, in_words
from harness.targets.runs import FinishedTrial, TargetSearch, as_crossing, as_run, plan, run_all, to_run, with_target
from harness.trial.import_check import check_importable


def main(given: TargetsOptions, project: Project) -> int:
    """Runs what is missing, writes configs/targets/<name>-<tier>.yaml and prints the proposal beside the present target."""
    search = plan(
        project,
        given.workload,
        given.submissions,
        trials=given.trials,
        seeds=given.seeds,
        seed=given.seed,
        evaluation_period=TrialOptions.evaluation_period,
        sandbox=TrialOptions.sandbox,
    )
    for submission in search.submissions:
        check_importable(Path(submission.path), search.sandbox)
    console = new_console()
    with resumable(given.out):
        evidence = find_target(search, given.out.absolute(), _command(given), console)
    path = evidence_path(project.configs, search)
    write_evidence(path, evidence)
    console.print(in_words(evidence, path), soft_wrap=True)
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


def _command(given: TargetsOptions) -> str:
    values = {**given.__dict__, "submissions": f"[{','.join(given.submissions)}]"}
    return "finishline targets " + " ".join(f"{name}={value}" for name, value in values.items())
