"""The campaign's side of racing: asked by the referee of each trial, answered from the ledger alone."""

from pathlib import Path

from harness.ledger.paths import CAMPAIGN
from harness.ledger.plan import Plan, read_plan
from harness.ledger.record import keep_attempt, read_record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.racing.stopping import reading, reason_to_stop, to_continue


class Racer:
    """Says of any trial of one ledger's campaign why it need not go on (docs/racing.md); never, where the plan has `racing: off`."""

    def __init__(self, ledger: Path) -> None:
        self._ledger, self._written, self._plan = ledger, 0, None

    _plan: Plan | None

    def __call__(self, spec: TrialSpec, row: Row | None) -> str | None:
        """Returns a reason in words, or None while the trial can still change the board. `row` is its last evaluation, if there was one."""
        plan = self._current()
        if plan is None or plan.racing == "off":
            return None
        time = reading(row, plan.racing) if row else 0.0
        return reason_to_stop(plan, self._ledger, spec, time, plan.racing)

    def _current(self) -> Plan | None:
        """The plan, read again when another launch has added to it."""
        file = self._ledger / CAMPAIGN
        written = file.stat().st_mtime_ns if file.exists() else 0
        if written != self._written:
            self._plan, self._written = read_plan(self._ledger), written
        return self._plan


def requeue_stopped(plan: Plan, ledger: Path) -> None:
    """Makes those stopped trials due again whose reason has fallen away: an entry was withdrawn or rejected, racing was switched off."""
    for folder in unjustified_stops(plan, ledger):
        keep_attempt(folder)


def unjustified_stops(plan: Plan, ledger: Path) -> set[Path]:
    """Returns the folders of the stopped trials that have to go on."""
    if plan.racing == "off":
        records = ((key.folder(ledger), read_record(key.folder(ledger))) for key in plan.trials())
        return {folder for folder, record in records if record is not None and record.verdict == "stopped"}
    return {key.folder(ledger) for key in to_continue(plan, ledger, plan.racing)}
