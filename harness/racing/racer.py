"""The campaign's side of racing: asked by the referee of each trial, answered from the ledger alone."""

from pathlib import Path

from harness.campaign.plan import Plan, read_plan
from harness.campaign.status import trial_states
from harness.ledger.record import Row
from harness.ledger.spec import TrialSpec, trial_folder
from harness.racing.stopping import FIELDS, reason_to_stop, to_continue
from harness.trial.folder import TrialFolder


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
        time = float(getattr(row, FIELDS[plan.racing])) if row else 0.0
        return reason_to_stop(plan, self._ledger, spec, time, plan.racing)

    def _current(self) -> Plan | None:
        """The plan, read again when another launch has added to it."""
        file = self._ledger / "campaign.yaml"
        written = file.stat().st_mtime_ns if file.exists() else 0
        if written != self._written:
            self._plan, self._written = read_plan(self._ledger), written
        return self._plan


def requeue_stopped(plan: Plan, ledger: Path) -> None:
    """Makes those stopped trials due again whose reason has fallen away: an entry was withdrawn or rejected, racing was switched off."""
    for folder in unjustified_stops(plan, ledger):
        TrialFolder(folder).reopen()


def unjustified_stops(plan: Plan, ledger: Path) -> set[Path]:
    """Returns the folders of the stopped trials that have to go on."""
    if plan.racing == "off":
        states = [t for t in trial_states(plan, ledger) if t.state == "stopped"]
        return {trial_folder(ledger, t.submission, t.workload, t.study, t.trial) for t in states}
    return {trial_folder(ledger, *key) for key in to_continue(plan, ledger, plan.racing)}
