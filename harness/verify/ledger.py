"""Everything that is verified, trial by trial."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.project import Project
from harness.verify import agreement, campaign, clocks, evaluations
from harness.verify.trial import Found, Trial, ledger_of
from harness.verify.weights import Reevaluation

CHECKS: tuple[Callable[[Trial], Iterable[str]], ...] = (
    agreement.agreement,
    agreement.source,
    agreement.rows_file,
    agreement.weights_file,
    evaluations.order,
    evaluations.due,
    evaluations.target,
    evaluations.summary,
    clocks.clocks,
    clocks.segments,
)


@dataclass(frozen=True)
class Verified:
    """What came out for one trial (or for a campaign.yaml, which has no verdict); `again` says how its weights were evaluated again."""

    ledger: Path
    name: str
    verdict: str
    again: str
    problems: tuple[str, ...]


def verify(found: Found, project: Project, cache: Path, salt: str | None = None) -> Iterator[Verified]:
    """Yields the outcome of each trial, those of one workload together; with a `salt` (its commitment) all must have been run under it."""
    together = campaign.campaigns(found.trials, project)
    repeated = campaign.repeats(found.trials)
    for folder, problems in found.damaged.items():
        yield Verified(ledger_of(folder), folder.relative_to(ledger_of(folder)).as_posix(), "unreadable", "", tuple(problems))
    for path, problems in together.items():
        if path.name == "campaign.yaml":
            yield Verified(path.parent, path.name, "", "", tuple(problems))
    again = Reevaluation(project, cache)
    for trial in _by_workload(found.trials):
        problems = [problem for check in CHECKS for problem in _safely(check, trial)]
        problems += together.get(trial.folder, []) + repeated.get(trial.folder, [])
        if salt not in (None, trial.spec.salt):
            problems.append(f"spec.json: salt is {trial.spec.salt}, the commitment to the one given is {salt}")
        version = list(agreement.workload_version(trial, project))
        how = "-"
        if trial.record.reached is not None and (trial.folder / "target.safetensors").exists():
            lacks_salt = not version and again.lacks_salt(trial)
            exactly = "to the last bit" if again.tolerance(trial) == 0 else f"to {again.tolerance(trial):g}"
            how = "no" if version else "no, needs salt=" if lacks_salt else exactly
            problems += [] if version or lacks_salt else _safely(again.check, trial)
        yield Verified(trial.ledger, trial.name, trial.record.verdict, how, tuple(dict.fromkeys([*problems, *version])))


def _by_workload(trials: Sequence[Trial]) -> list[Trial]:
    return sorted(trials, key=lambda trial: (trial.spec.workload.id, trial.folder))


def _safely(check: Callable[[Trial], Iterable[str]], trial: Trial) -> list[str]:
    """A value of a wrong kind in a file is a finding, not the end."""
    try:
        return list(check(trial))
    except (TypeError, ValueError, KeyError, AttributeError, OSError, RuntimeError) as error:
        return [f"a value is of the wrong kind ({type(error).__name__}: {' '.join(str(error).split())})"]
