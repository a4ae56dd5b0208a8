"""Racing: finds the trials that can no longer change the board, whatever they and all other unfinished trials still do.

The board is that of `rules=finishline` on one clock: scores, ranks, profiles, `workloads_counted`, `ratio_to_best`. What else of it may
differ, and the proofs of the three rules, are in docs/racing.md. Nothing here reads a disk or a watch.

Terms: the `best` of a workload without one submission is the latest that the fastest median of the others can be. A submission is
*disqualified* on a base workload when it cannot count there: its median on the base or on one of the base's variants is certain to be
infinite or above 4 x the best.
"""

from collections.abc import Iterator, Mapping
from math import inf, isinf
from typing import Literal, NamedTuple

from harness.errors import UserError
from harness.ledger.paths import TrialKey
from harness.racing.time_bounds import NEVER, TimeBounds, median, running, smallest_change, study
from harness.score.profiles import MAX_TAU, is_cut

Guarantee = Literal["scores", "times"]
"""What racing guarantees to leave unchanged: `scores` (scores, ranks, profiles), or `times` too (every study's time, and so intervals and p
values), for which only rule 1 is used."""


class Reason(NamedTuple):
    """Why a trial can no longer change the board: by which rule, and in words."""

    rule: Literal["faster trial", "settled median", "cannot count"]
    words: str


class Race:
    """What is known of every planned trial, and what follows from it.

    `variant_of` names all workloads and the base workload of each variant ("" for a base). A variant whose base is not there is taken for a
    base. A submission without a trial on a workload never reaches it.
    """

    def __init__(self, variant_of: Mapping[str, str], known: Mapping[TrialKey, TimeBounds], guarantee: Guarantee = "scores") -> None:
        self._guarantee = guarantee
        self._base = {name: base if base in variant_of else name for name, base in variant_of.items()}
        self._family: dict[str, list[str]] = {name: [name] for name, base in self._base.items() if name == base}
        for name, base in self._base.items():
            if name != base and base not in self._family:
                raise UserError(f"{name} is a variant of {base}, which is a variant itself: name the base workload in variant_of")
            if name != base:
                self._family[base].append(name)
        self._cells: dict[tuple[str, str], dict[int, dict[int, TimeBounds]]] = {}
        self._medians: dict[tuple[str, str], TimeBounds] = {}
        self._fastest: dict[str, list[tuple[float, str]]] = {}
        self.submissions = sorted({key.submission for key in known})
        for key, what in known.items():
            self.learn(key, what)

    def learn(self, key: TrialKey, what: TimeBounds) -> None:
        """Replaces what is known of a trial."""
        trials = self._cells.setdefault((key.submission, key.workload), {}).setdefault(key.study, {})
        before = trials.get(key.trial)
        trials[key.trial] = what
        self._medians.pop((key.submission, key.workload), None)
        if before is None or before.high != what.high:
            for name in self._family[self._base[key.workload]]:
                self._fastest.pop(name, None)

    def known(self, key: TrialKey) -> TimeBounds | None:
        """What is known of a trial; None if there is no such trial."""
        return self._cells.get((key.submission, key.workload), {}).get(key.study, {}).get(key.trial)

    def studies(self, submission: str, workload: str) -> list[int]:
        """The numbers of a cell's studies."""
        return sorted(self._cells.get((submission, workload), {}))

    def is_variant(self, workload: str) -> bool:
        """Whether the workload is a variant of another one."""
        return self._base[workload] != workload

    def reason_to_stop(self, key: TrialKey, time: float) -> Reason | None:
        """Why a trial that has not reached its target at `time` (0: not started) can no longer change the board, or None while it can."""
        cell = self._cells[key.submission, key.workload]
        rest = {trial: what.high for trial, what in cell[key.study].items() if trial != key.trial}
        fastest = min(rest, key=lambda trial: rest[trial], default=None)
        latest = inf if fastest is None else rest[fastest]
        if time >= latest:
            return Reason("faster trial", f"its study has a faster trial: trial {fastest} reached the target at {latest:g}")
        if self._guarantee == "times":
            return None
        others = [study(list(trials.values())) for number, trials in cell.items() if number != key.study]
        least = smallest_change(time, latest, others)
        if isinf(least):
            return Reason("settled median", f"the median over the {len(cell)} studies is settled, whatever it does")
        why = self._disqualified(key.submission, key.workload, least, key.submission)
        return Reason("cannot count", why) if why and self._spares_others(key.submission, key.workload, least) else None

    def median(self, submission: str, workload: str) -> TimeBounds:
        """What is known of the median over a submission's studies."""
        cell = (submission, workload)
        if cell not in self._medians:
            self._medians[cell] = median([study(list(trials.values())) for trials in self._cells.get(cell, {}).values()])
        return self._medians[cell]

    def best(self, workload: str, without: str) -> float:
        """The latest that the best median but for one submission can be; a variant counts only where its base is sure to be reached."""
        if workload not in self._fastest:
            base = self._base[workload]
            latest = [(inf if isinf(self.median(name, base).high) else self.median(name, workload).high, name) for name in self.submissions]
            self._fastest[workload] = sorted(latest)[:2]
        return next((time for time, name in self._fastest[workload] if name != without), inf)

    def _disqualified(self, submission: str, workload: str, least: float, without: str) -> str | None:
        """Why a submission cannot count on this workload's base if its median here is at least `least`, for all that `without` may do."""
        for name in self._family[self._base[workload]]:
            low = least if name == workload else self.median(submission, name).low
            if isinf(low):
                return f"it cannot count: its median on {name} is sure to be a miss"
            best = self.best(name, without)
            if is_cut(low, best):
                return f"it cannot count: its median on {name} is sure to be above {MAX_TAU:g} x the best known, {best:g}"
        return None

    def _spares_others(self, submission: str, workload: str, least: float) -> bool:
        """Whether no other submission is cut, or spared, by what a struck submission's median does from `least` on."""
        if self.is_variant(workload):
            base = self.median(submission, self._base[workload])
            return isinf(base.low) or self._cuts_none(submission, workload, least)
        variants = [name for name in self._family[workload] if name != workload]  # a base that is missed takes them out of their columns
        return self._cuts_none(submission, workload, least) and all(
            self._cuts_none(submission, name, self.median(submission, name).low) for name in variants
        )

    def _cuts_none(self, submission: str, workload: str, least: float) -> bool:
        """Whether the cut at 4 x the best spares and strikes the same others for every median of this submission from `least` on."""
        best = self.best(workload, submission)
        return least >= best or all(self._indifferent(name, workload, least, best, submission) for name in self._rivals(submission))

    def _indifferent(self, rival: str, workload: str, least: float, best: float, submission: str) -> bool:
        there = self.median(rival, workload)
        if not is_cut(there.high, least) or is_cut(there.low, best):
            return True
        return self._disqualified(rival, workload, there.low, submission) is not None

    def _rivals(self, submission: str) -> Iterator[str]:
        return (name for name in self.submissions if name != submission)


def still_settled(race: Race, stopped: Mapping[TrialKey, float]) -> set[TrialKey]:
    """Returns which stopped trials may stay stopped, given the time at which each was.

    A stop may rest on others, so all of them are first taken back (`running`), and those for which a reason holds are settled (`NEVER`)
    until no more follow. The reasons that held when a trial was stopped are found again, unless what they rest on has been withdrawn.
    """
    for key, time in stopped.items():
        race.learn(key, running(time))
    settled: set[TrialKey] = set()
    while True:
        more = [key for key, time in stopped.items() if key not in settled and race.reason_to_stop(key, time)]
        if not more:
            return settled
        for key in more:
            race.learn(key, NEVER)
        settled.update(more)
