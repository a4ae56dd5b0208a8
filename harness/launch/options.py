"""How the trials of a campaign are started: configs/launcher/*.yaml as dataclasses. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from harness.errors import UserError, suggest


@dataclass(frozen=True)
class Debug:
    """In this process, one trial after the other."""

    runs_here: ClassVar[bool] = True


@dataclass(frozen=True)
class Local:
    """On this machine; more than one worker are so many job processes, each of which takes one trial after the other."""

    runs_here: ClassVar[bool] = True
    workers: int = 1


@dataclass(frozen=True)
class Resources:
    """What Slurm is asked for, for one trial. Trials with the same resources share a job array.

    `gpus`, `cpus` and `memory_gb` (GiB) are those of one node, of which the trial gets `nodes`; `time_min` is the time limit in minutes,
    `setup` has lines of shell that come before the trial, `python` is the command that starts Python (default: this very interpreter),
    `extra` has more sbatch fields.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    nodes: int = 1
    gpus: int = 0
    cpus: int = 1
    memory_gb: float = 4.0
    time_min: int = 60
    exclusive: bool = False
    setup: tuple[str, ...] = ()
    python: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Slurm:
    """As Slurm job arrays.

    `resources` holds for the workloads that `workloads` has nothing for: a tier, or `name-tier` as in the ledger, which goes first. At most
    `array_parallelism` trials of one launch and one shape run at once. `notice_s` seconds before its time limit a trial is told to stop and
    is queued again, at most `timeouts` times.
    """

    runs_here: ClassVar[bool] = False
    resources: Resources = Resources()
    workloads: Mapping[str, Resources] = field(default_factory=dict)
    array_parallelism: int = 256
    notice_s: int = 90
    timeouts: int = 3

    def resources_for(self, name: str, tier: str) -> Resources:
        """Returns what a trial of a workload is given."""
        return self.workloads.get(f"{name}-{tier}", self.workloads.get(tier, self.resources))


Launcher = Debug | Local | Slurm

_MIN: dict[str, float] = {
    "workers": 1,
    "nodes": 1,
    "gpus": 0,
    "cpus": 1,
    "time_min": 1,
    "array_parallelism": 1,
    "notice_s": 1,
    "timeouts": 0,
}


def read_launcher(content: Mapping[str, Any]) -> Launcher:
    """Returns the launcher that a composed configs/launcher/*.yaml describes.

    Raises:
        UserError: an unknown field, or a value of the wrong kind.
    """
    values = dict(content)
    name = values.pop("name", None)
    if name == "debug":
        return Debug(**_checked(values, ()))
    if name == "local":
        return Local(**_checked(values, ("workers",)))
    if name != "slurm":
        raise UserError(f"launcher: name is debug, local or slurm, not '{name}'")
    own, shape = ("array_parallelism", "notice_s", "timeouts"), tuple(f.name for f in fields(Resources))
    overrides = values.pop("workloads", None) or {}
    values = _checked(values, (*own, *shape))
    common = {key: value for key, value in values.items() if key in shape}
    workloads = {str(key): Resources(**{**common, **_checked(dict(more), shape, f".workloads.{key}")}) for key, more in overrides.items()}
    launcher = Slurm(Resources(**common), workloads, **{key: value for key, value in values.items() if key in own})
    for place, resources in {"": launcher.resources, **{f".workloads.{key}": r for key, r in workloads.items()}}.items():
        if launcher.notice_s >= 60 * resources.time_min:
            raise UserError(f"launcher{place}: notice_s={launcher.notice_s} is not less than time_min={resources.time_min} (minutes)")
    return launcher


def _checked(values: Mapping[str, Any], known: tuple[str, ...], place: str = "") -> dict[str, Any]:
    return {key: _value(key, value, known, f"launcher{place}") for key, value in values.items()}


def _value(key: str, value: Any, known: tuple[str, ...], where: str) -> Any:
    if key not in known:
        raise UserError(f"{where}: no field '{key}'{suggest(key, known)}")
    if key == "setup" and isinstance(value, list) and all(isinstance(line, str) for line in value):
        return tuple(value)
    if key == "extra" and isinstance(value, Mapping):
        return tuple(sorted((str(name), what) for name, what in value.items()))
    if key in _MIN and type(value) is int and value >= _MIN[key]:
        return value
    if key == "memory_gb" and isinstance(value, int | float) and value > 0:
        return float(value)
    if key == "exclusive" and isinstance(value, bool):
        return value
    if key in ("partition", "account", "qos", "constraint", "python") and (value is None or isinstance(value, str | int)):
        return None if value is None else str(value)
    raise UserError(f"{where}.{key} is {_kind(key)}, not {value!r}")


def _kind(key: str) -> str:
    if key in _MIN:
        return f"a whole number of at least {_MIN[key]:g}"
    kinds = {"setup": "a list of lines of shell", "extra": "a mapping of sbatch fields", "memory_gb": "a number above 0"}
    return {**kinds, "exclusive": "true or false"}.get(key, "a word")
