"""Calibration of a kind of machine (`configs/hardware/NAME.yaml`): the reference's times, from which budgets in seconds follow."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from harness.base.files import write_atomically
from harness.errors import UserError, suggest
from harness.project.fields import Fields, checked
from harness.project.yaml_file import read_yaml
from harness.values.kinds import Kind, Number, Scalar, Table, Whole, Word, Wrong
from harness.workload import WorkloadConfig


class Threads(Table):
    """Speeds by the number of threads."""

    def __init__(self) -> None:
        super().__init__(Number(above=0), "a table of speeds by number of threads")

    def check(self, value: Any) -> dict[str, Any]:
        """Returns the table."""
        found = super().check(value)
        for key in found:
            if not key.isdecimal():
                raise Wrong(f"is {self.words}, and {key!r} is no number", key)
        return found


@dataclass(frozen=True)
class Reference:
    """The reference submission on one workload: version and target that it was run with, seconds on the clock and steps to the target."""

    version: Annotated[int, Whole(1)]
    target: Annotated[float, Number()]
    time_s: Annotated[float, Number(least=0)]
    steps: Annotated[int, Whole(0)]
    step_s: Annotated[float, Number(least=0)]


@dataclass(frozen=True)
class Calibration:
    """One kind of machine. `probe` is what `harness.machine.probe.speed` gave, by the number of threads; `date` is UTC.

    The budget of a workload is `budget_factor` times the reference's seconds.
    """

    fingerprint: Annotated[str, Kind()]
    date: Annotated[str, Kind()]
    submission: Annotated[str, Kind()]
    source_hash: Annotated[str, Word()]
    seed: Annotated[int, Whole()]
    versions: Annotated[Mapping[str, str], Table(Scalar())]
    budget_factor: Annotated[float, Number(above=0, below=1000)]
    probe: Annotated[Mapping[int, float], Threads()]
    workloads: Annotated[Mapping[str, Reference], Table(Fields(Reference), "a table of references by workload")]


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
        values = checked(Calibration, read_yaml(path), what="the calibration")
    except UserError as error:
        raise UserError(f"{error}; finishline calibrate name={name} makes it anew once the file is removed") from None
    return Calibration(
        **{
            **values,
            "probe": {int(threads): speed for threads, speed in values["probe"].items()},
            "workloads": {workload: Reference(**fields) for workload, fields in values["workloads"].items()},
        }
    )


def write_calibration(hardware: Path, name: str, calibration: Calibration) -> Path:
    """Writes the file, whole or not at all, and returns where it is; raises UserError when the folder cannot be written."""
    import yaml

    path = hardware / f"{name}.yaml"
    head = "# made by finishline calibrate; budget = budget_factor x time_s; see docs/hardware.md\n"
    try:
        hardware.mkdir(parents=True, exist_ok=True)
        write_atomically(path, head + yaml.safe_dump(asdict(calibration), sort_keys=False))
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror})") from None
    return path


def calibrated_speed(hardware: Path, fingerprint: str, threads: int) -> float | None:
    """Returns the probe of machines with this fingerprint, from the newest calibration; None where there is none.

    A file that cannot be read is passed over: `finishline list` says what is wrong with it.
    """
    known = []
    for path in sorted(hardware.glob("*.yaml")):
        with suppress(UserError):
            known.append(read_calibration(hardware, path.stem))
    matching = [c for c in known if c.fingerprint == fingerprint and threads in c.probe]
    return max(matching, key=lambda c: c.date).probe[threads] if matching else None
