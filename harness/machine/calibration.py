"""Calibration of a kind of machine (`configs/hardware/NAME.yaml`): the reference's times, from which budgets in seconds follow."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from harness.base.files import write_atomically
from harness.errors import UserError, suggest
from harness.workload import WorkloadConfig


@dataclass(frozen=True)
class Reference:
    """The reference submission on one workload: version and target that it was run with, seconds on the clock and steps to the target."""

    version: int
    target: float
    time_s: float
    steps: int
    step_s: float


@dataclass(frozen=True)
class Calibration:
    """One kind of machine. `probe` is what `harness.machine.probe.speed` gave, by the number of threads; `date` is UTC.

    The budget of a workload is `budget_factor` times the reference's seconds.
    """

    fingerprint: str
    date: str
    submission: str
    source_hash: str
    seed: int
    versions: Mapping[str, str]
    budget_factor: float
    probe: Mapping[int, float]
    workloads: Mapping[str, Reference]


def with_budgets(workloads: Sequence[WorkloadConfig], calibration: Calibration, name: str) -> tuple[WorkloadConfig, ...]:
    """Returns the workloads with the budgets of a machine: factor x the reference's seconds, rounded to tenths.

    Raises:
        UserError: a workload was not calibrated on it, or was changed since.
    """
    return tuple(replace(workload, budget_s=_budget_s(workload, calibration, name)) for workload in workloads)


def _budget_s(workload: WorkloadConfig, calibration: Calibration, name: str) -> float:
    again = f"run finishline calibrate name={name} workloads=[{workload.id}]"
    reference = calibration.workloads.get(workload.id)
    if reference is None:
        raise UserError(f"hardware {name}: no reference time of {workload.id}: {again}")
    if (reference.version, reference.target) != (workload.version, workload.target):
        there = f"version {reference.version} with target {reference.target:g}"
        raise UserError(f"hardware {name}: {workload.id} was {there} when it was calibrated: {again}")
    return round(calibration.budget_factor * reference.time_s, 1)


def read_calibration(hardware: Path, name: str) -> Calibration:
    """Returns the calibration of this name from the folder configs/hardware.

    Raises:
        UserError: there is none (the nearest is suggested), or it cannot be read.
    """
    path = hardware / f"{name}.yaml"
    if not path.exists():
        raise UserError(f"no hardware '{name}'{suggest(name, [p.stem for p in hardware.glob('*.yaml')])}; finishline calibrate makes one")
    try:
        content: Any = OmegaConf.to_container(OmegaConf.load(path))
        references = {workload: Reference(**values) for workload, values in content.pop("workloads").items()}
        return Calibration(**content, workloads=references)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path} is no calibration of a machine ({why}): remove it, finishline calibrate makes another") from None


def write_calibration(hardware: Path, name: str, calibration: Calibration) -> Path:
    """Writes the file, whole or not at all, and returns where it is; raises UserError when the folder cannot be written."""
    path = hardware / f"{name}.yaml"
    head = "# made by finishline calibrate; budget = budget_factor x time_s; see docs/hardware.md\n"
    try:
        hardware.mkdir(parents=True, exist_ok=True)
        write_atomically(path, head + OmegaConf.to_yaml(OmegaConf.create(asdict(calibration))))
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror})") from None
    return path


def calibrated_speed(hardware: Path, fingerprint: str, threads: int) -> float | None:
    """Returns the probe of machines with this fingerprint, from the newest calibration; None where there is none.

    Raises:
        UserError: a file of the folder cannot be read.
    """
    known = [read_calibration(hardware, path.stem) for path in sorted(hardware.glob("*.yaml"))]
    matching = [c for c in known if c.fingerprint == fingerprint and threads in c.probe]
    return max(matching, key=lambda c: c.date).probe[threads] if matching else None
