"""Everything that is verified, trial by trial."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.ledger.paths import CAMPAIGN, SIGNATURE, TrialPaths
from harness.ledger.signature import Standing, fingerprint
from harness.project.project import Project
from harness.verify import agreement, campaign, clocks, evaluations
from harness.verify.trial import Found, Trial
from harness.verify.weights import Reevaluation

CHECKS: tuple[Callable[[Trial], Iterable[str]], ...] = (
    agreement.agreement,
    agreement.source,
    agreement.chain,
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
    """What came out for one trial; `again` says how its weights were evaluated again. A file of the whole campaign has no verdict."""

    ledger: Path
    name: str
    verdict: str
    again: str
    problems: tuple[str, ...]


def verify(found: Found, project: Project, cache: Path | None, key: str | None = None, salt: str | None = None) -> Iterator[Verified]:
    """Yields what is off with each ledger's plan and signature, and the outcome of each trial, those of one workload together.

    Args:
        found: what was found.
        project: where the workloads are.
        cache: where data are kept; None: no weights are evaluated again.
        key: the public key that must have signed; None: any, or none.
        salt: the commitment to the salt that all must have been run under; None: any, or none.
    """
    plans = {part.ledger: campaign.planned(part, project) for part in found.parts}
    for part in found.parts:
        plan, ledger = plans[part.ledger], Path(part.ledger)
        if plan.damage or plan.missing:
            yield Verified(ledger, CAMPAIGN, "", "", tuple(filter(None, [plan.damage, plan.missing_in_words])))
        if problems := signed_by(found.standing(part), key):
            yield Verified(ledger, SIGNATURE, "", "", tuple(problems))
    for folder, why in found.damaged.items():
        where = TrialPaths(folder)
        off = campaign.off_plan(folder, None, plans[str(where.ledger)])
        yield Verified(where.ledger, where.place, "unreadable", "", (*why, *off))
    repeated = campaign.repeats(found.trials)
    again = Reevaluation(project, cache) if cache else None
    for trial in _by_workload(found.trials):
        problems = [problem for check in CHECKS for problem in _safely(check, trial)]
        problems += campaign.off_plan(trial.folder, trial.spec, plans[str(trial.ledger)]) + repeated.get(trial.folder, [])
        if salt not in (None, trial.spec.salt):
            problems.append(f"spec.json: salt is {trial.spec.salt}, the commitment to the one given is {salt}")
        version = list(agreement.workload_version(trial, project))
        how = "-"
        if again and trial.record.reached is not None and trial.files.weights.exists():
            lacks_salt = not version and again.lacks_salt(trial)
            exactly = "to the last bit" if again.tolerance(trial) == 0 else f"to {again.tolerance(trial):g}"
            how = "no" if version else "no, needs salt=" if lacks_salt else exactly
            problems += [] if version or lacks_salt else _safely(again.check, trial)
        yield Verified(trial.ledger, trial.name, trial.record.verdict, how, tuple(dict.fromkeys([*problems, *version])))


def signed_by(signature: Standing, key: str | None) -> list[str]:
    """Returns what speaks against a signature, given the public key that must have made it (None: any)."""
    problems = list(signature.problems)
    if key is not None and signature.signer != fingerprint(key):
        problems.append(f"it is {f'signed by {signature.signer}' if signature.signer else 'not signed'}, not by {fingerprint(key)}")
    return problems


def _by_workload(trials: Sequence[Trial]) -> list[Trial]:
    return sorted(trials, key=lambda trial: (trial.spec.workload.id, trial.folder))


def _safely(check: Callable[[Trial], Iterable[str]], trial: Trial) -> list[str]:
    """A value of a wrong kind in a file is a finding, not the end."""
    try:
        return list(check(trial))
    except (TypeError, ValueError, KeyError, AttributeError, OSError, RuntimeError) as error:
        return [f"a value is of the wrong kind ({type(error).__name__}: {' '.join(str(error).split())})"]
