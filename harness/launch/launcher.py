"""How the trials of a campaign are started: what every launcher offers, and how one is read from configs/launcher/*.yaml.

A new launcher is a module in harness/launch/launchers/ that exports a dataclass as `LAUNCHER`, and a file in configs/launcher/ that names
the module and gives the fields. Nothing else knows the launchers by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from harness.errors import UserError, suggest
from harness.launch import launchers
from harness.project.fields import checked
from harness.project.yaml_file import YamlFile
from harness.values.kinds import shown

if TYPE_CHECKING:
    from rich.console import Console

    from harness.ledger.spec import TrialSpec


@dataclass(frozen=True)
class Work:
    """What a launch has to do: the trials that are due, of `total` in the campaign, and how they are run."""

    due: Sequence["TrialSpec"]
    total: int
    ledger: Path
    retries: int
    log: str
    console: "Console"


class Launcher(Protocol):
    """A way to start trials."""

    runs_here: ClassVar[bool]
    """Whether the trials are over when `launch` returns, and were run on this machine."""

    def must_fit(self, due: Sequence["TrialSpec"]) -> None:
        """Raises UserError when the trials cannot be started in this way."""

    def preview(self, due: Sequence["TrialSpec"], ledger: Path) -> str:
        """Returns in words what `launch` would do; empty where there is nothing to say."""

    def launch(self, work: Work) -> str:
        """Starts the trials and returns in words what was done."""


def launcher_names() -> list[str]:
    """Returns the names of the modules in harness/launch/launchers/."""
    return sorted(module.name for module in iter_modules(launchers.__path__))


def launcher_class(file: YamlFile, content: Mapping[str, Any]) -> type:
    """Returns the class of the launcher that a file names; raises UserError when it names none."""
    name, known = content.get("name"), launcher_names()
    if name not in known:
        raise UserError(f"{file.at('name')}: name is the launcher, {' or '.join(known)}, not {shown(name)}{suggest(str(name), known)}")
    found: type = import_module(f"harness.launch.launchers.{name}").LAUNCHER
    return found


def read_launcher(file: YamlFile, content: Mapping[str, Any]) -> Launcher:
    """Returns the launcher that a composed file describes.

    Raises:
        UserError: an unknown field, a value of the wrong kind, or fields that contradict each other.
    """
    kind = launcher_class(file, content)
    values = checked(kind, file, {key: value for key, value in content.items() if key != "name"}, "the launcher")
    try:
        launcher: Launcher = kind(**values)
    except ValueError as error:
        raise UserError(f"launcher: {error}") from None
    return launcher


def took(seconds: float, trials: int, time_s: float, wall_s: float) -> str:
    """Returns in words what a launch on this machine took; empty where nothing was run."""
    if not trials:
        return ""
    share = 1 - time_s / wall_s
    return f"{trials} trials in {seconds:.0f} s: of their {wall_s:.0f} s {time_s:.0f} s on the clock, {share:.0%} off it"
