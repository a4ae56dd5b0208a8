"""In which order trials are best run under racing. Any order gives the same board; a good one saves more."""

from collections.abc import Iterable, Iterator, Sequence
from math import inf

from harness.ledger.paths import TrialKey
from harness.racing.race import Race

Waves = Iterator[Sequence[TrialKey]]


def in_order(race: Race, keys: Iterable[TrialKey]) -> Waves:
    """One trial after the other, study by study, as a plan lists them."""
    for key in sorted(keys, key=lambda k: (k.study, k.workload, k.submission, k.trial)):
        yield [key]


def in_parallel(race: Race, keys: Iterable[TrialKey]) -> Waves:
    """All trials at once."""
    yield list(keys)


def waves(race: Race, keys: Iterable[TrialKey]) -> Waves:
    """Four waves, in each all trials at once: base workloads before variants, of each first as many studies as settle a miss (a majority).

    Where a majority of studies missed, or is above 4 x the best, the others need not start, nor do the variants of a base that was missed.
    """
    groups: dict[tuple[bool, bool], list[TrialKey]] = {}
    for key in keys:
        groups.setdefault((race.is_variant(key.workload), not _in_majority(race, key)), []).append(key)
    for group in sorted(groups):
        yield groups[group]


def one_by_one(race: Race, keys: Iterable[TrialKey]) -> Waves:
    """One trial after the other: the waves, each study by study and in it the submissions with the smallest known medians first.

    In a study the trial goes first whose number was fastest in the other studies: that tells something where studies share their
    hyperparameters, as those of AlgoPerf do, and nothing where each has its own.
    """
    for wave in waves(race, keys):
        studies: dict[int, dict[tuple[str, str], list[TrialKey]]] = {}
        for key in wave:
            studies.setdefault(key.study, {}).setdefault((key.workload, key.submission), []).append(key)
        for study in sorted(studies):
            cells = studies[study]
            for cell in sorted(cells, key=lambda c: (c[0], race.median(c[1], c[0]).high, c[1])):
                left = sorted(cells[cell], key=lambda key: (_elsewhere(race, key), key.trial))
                yield from ([key] for key in left)


def _in_majority(race: Race, key: TrialKey) -> bool:
    studies = race.studies(key.submission, key.workload)
    return studies.index(key.study) <= len(studies) // 2


def _elsewhere(race: Race, key: TrialKey) -> float:
    """The best time of the trials of the same number in the other studies."""
    others = (key._replace(study=study) for study in race.studies(key.submission, key.workload) if study != key.study)
    return min((known.high for other in others if (known := race.known(other)) is not None), default=inf)
