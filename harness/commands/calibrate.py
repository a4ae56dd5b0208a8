"""finishline calibrate: what the reference submission takes on this machine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from harness.base.output import new_console
from harness.callbacks.callback_list import with_callbacks
from harness.callbacks.display import Display
from harness.campaign.plan import single_point, single_trial
from harness.commands.options import CalibrateOptions
from harness.data import cache_root
from harness.errors import UserError
from harness.ledger.plan import PlannedSubmission
from harness.ledger.record import Record
from harness.machine.calibration import Calibration, Reference, read_calibration, with_budgets, write_calibration
from harness.machine.hardware import Machine, this_machine, versions
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.trial.callback import TrialCallback
from harness.trial.import_check import check_importable
from harness.trial.referee import run_trial
from harness.workload import WorkloadConfig

PATIENCE = Ruleset("calibrate", studies=1, trials=1, budget_factor=10.0, points="default")
"""The budget of a machine that nobody knows yet: ten times the workload's own."""


def main(given: CalibrateOptions, project: Project) -> int:
    """Runs the reference once on each workload, writes configs/hardware/NAME.yaml and prints the budgets; returns 0."""
    machine = this_machine()
    name = given.name or re.sub(r"[^a-z0-9]+", "-", machine.fingerprint.lower()).strip("-")
    workloads = [project.workload(workload) for workload in given.workloads or _all_of_a_tier(project, machine)]
    submission = single_point(project, given.submission, {}, PATIENCE)
    check_importable(Path(submission.path), given.sandbox)
    ledger = (given.out or Path(f"results/calibrate/{datetime.now():%Y%m%d-%H%M%S}-{name}")).absolute()
    console = new_console()
    with with_callbacks(Display(console, len(workloads)), given.log, ledger, console) as callback:
        records = {w.id: _run(project, submission, w, given, ledger, callback) for w in workloads}
    calibration = Calibration(
        fingerprint=machine.fingerprint,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        submission=submission.name,
        source_hash=submission.source_hash,
        seed=given.seed,
        versions=versions(),
        budget_factor=given.budget_factor,
        probe=_probe(workloads, records),
        workloads={w.id: _reference(w, records[w.id]) for w in workloads},
    )
    path = write_calibration(project.hardware, name, _together(project.hardware, name, calibration))
    for workload in with_budgets(workloads, calibration, name):
        taken = calibration.workloads[workload.id]
        times = f"{taken.time_s:.1f} s, {1000 * taken.step_s:.1f} ms a step; budget {workload.budget_s:g} s"
        console.print(f"{workload.id}: {times}", soft_wrap=True)
    console.print(f"hardware: {path}", soft_wrap=True)
    return 0


def _all_of_a_tier(project: Project, machine: Machine) -> list[str]:
    tier = "gpu" if machine.accelerators else "cpu"
    workloads = [workload for workload in project.workload_ids() if workload.endswith(f"/{tier}")]
    if not workloads:
        raise UserError(f"calibrate: there is no workload of tier {tier}: give workloads=[NAME/TIER]")
    return workloads


def _run(
    project: Project,
    submission: PlannedSubmission,
    workload: WorkloadConfig,
    given: CalibrateOptions,
    ledger: Path,
    callback: TrialCallback,
) -> Record:
    spec = single_trial(project, submission, workload, PATIENCE, given.evaluation_period, given.sandbox, given.seed)
    record = run_trial(spec, spec.folder(ledger), cache_root(), callback)
    if record.verdict != "reached":
        why = f"{record.verdict}, {record.reason}; see {spec.folder(ledger)}"
        raise UserError(f"calibrate: {submission.name} did not reach the target of {workload.id} ({why})")
    return record


def _reference(workload: WorkloadConfig, record: Record) -> Reference:
    hit = record.reached
    assert hit is not None
    return Reference(workload.version, workload.target, round(hit.time_s, 3), hit.step, round(hit.time_s / max(hit.step, 1), 6))


def _probe(workloads: Sequence[WorkloadConfig], records: Mapping[str, Record]) -> dict[int, float]:
    """The median over the trials with the same number of threads."""
    found: dict[int, list[float]] = {}
    for workload in workloads:
        found.setdefault(workload.threads, []).extend(s.probe for s in records[workload.id].segments if s.probe is not None)
    return {threads: round(median(speeds), 1) for threads, speeds in found.items()}


def _together(hardware: Path, name: str, new: Calibration) -> Calibration:
    """Keeps what an earlier calibration has of other workloads, if it was of the same machine, versions and reference."""
    if not (hardware / f"{name}.yaml").exists():
        return new
    old = read_calibration(hardware, name)
    conditions = ("fingerprint", "submission", "source_hash", "seed", "versions")
    if any(getattr(old, c) != getattr(new, c) for c in conditions):
        return new
    return replace(new, probe={**old.probe, **new.probe}, workloads={**old.workloads, **new.workloads})
