"""segments.json of an unfinished trial: the processes that ran it so far. environment.json: the machine that it began on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.ledger.paths import TrialPaths
from harness.ledger.reading import read_json, write_json


@dataclass(frozen=True, kw_only=True)
class Start:
    """The beginning of a segment, at `from_time_s` on the clock."""

    host: str
    device: str
    started_at: str
    first_evaluation: int
    from_time_s: float
    probe: float | None = None
    speed_deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Starts:
    starts: tuple[Start, ...]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine on which a trial began, and the versions of the packages that it used and that its submission imports.

    `fingerprint` is what two machines must share for their times to be comparable.
    """

    fingerprint: str
    host: str
    processor: str
    cores: int
    memory_bytes: int
    accelerator: str
    accelerators: int
    system: str
    packages: Mapping[str, str]


def read_starts(folder: Path) -> list[Start]:
    """Returns the segments that have begun; raises UserError when the file is damaged."""
    found = read_json(TrialPaths(folder).segments, _Starts)
    return list(found.starts) if found else []


def write_starts(folder: Path, starts: Sequence[Start]) -> None:
    """Replaces segments.json."""
    write_json(TrialPaths(folder).segments, _Starts(starts=tuple(starts)))


def read_environment(folder: Path) -> Environment | None:
    """Returns environment.json, None where there is none; raises UserError when it is damaged."""
    return read_json(TrialPaths(folder).environment, Environment)


def write_environment(folder: Path, environment: Environment) -> None:
    """Writes environment.json."""
    write_json(TrialPaths(folder).environment, environment)
