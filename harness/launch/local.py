"""Trials one after the other in this process: what every job does, and all of `launcher=debug`."""

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.campaign.pending import is_pending
from harness.ledger.lock import LockHeld
from harness.ledger.record import Record
from harness.ledger.spec import TrialSpec
from harness.racing.racer import Racer
from harness.trial.callback import TrialCallback
from harness.trial.coordinator import NodeCoordinator
from harness.trial.referee import run_trial


@dataclass(frozen=True)
class Totals:
    """What a launch did, in seconds over its trials."""

    trials: int
    time_s: float
    wall_s: float


def run_due(
    trials: Iterable[TrialSpec], ledger: Path, cache: Path, callback: TrialCallback, retries: int, nodes: NodeCoordinator | None = None
) -> Totals:
    """Runs every trial that is due, one at a time, and failed ones again at the end; unfinished ones go on from their last checkpoint.

    What another process runs meanwhile is left to it.
    """
    records, racer = list[Record](), Racer(ledger)
    queue = deque(trials)
    while queue:
        spec = queue.popleft()
        folder = spec.folder(ledger)
        if is_pending(folder, retries):
            with suppress(LockHeld):
                records.append(run_trial(spec, folder, cache, callback, stop_rule=racer, nodes=nodes))
                queue.append(spec)
    return Totals(len(records), sum(r.time_s for r in records), sum(r.wall_s for r in records))
