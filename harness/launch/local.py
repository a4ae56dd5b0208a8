"""The local launcher: the trials of a campaign one after the other, in this process."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.trial.owner import Taken
from harness.trial.record import Record
from harness.trial.referee import Watcher, run_trial
from harness.trial.spec import TrialSpec


@dataclass(frozen=True)
class Totals:
    """What a launch did, in seconds over its trials."""

    trials: int
    time_s: float
    wall_s: float


def run_missing(trials: Iterable[TrialSpec], ledger: Path, cache: Path, watcher: Watcher) -> Totals:
    """Runs every trial that has no record yet, one at a time; unfinished ones go on from their last checkpoint.

    What another process runs meanwhile is left to it.
    """
    records: list[Record] = []
    for spec in trials:
        folder = spec.folder(ledger)
        if not (folder / "record.json").exists():
            with suppress(Taken):
                records.append(run_trial(spec, folder, cache, watcher))
    return Totals(len(records), sum(r.time_s for r in records), sum(r.wall_s for r in records))
