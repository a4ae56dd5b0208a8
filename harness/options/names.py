"""Kinds of names that a project gives a meaning: workloads, submissions, hyperparameters, and the choices below configs/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, suggest
from harness.options.paths import PathKind, expanded
from harness.values.declare import Group
from harness.values.kinds import Kind, ListOf, Named, Wrong, shown

if TYPE_CHECKING:
    from harness.project.project import Project
    from harness.project.space import SearchSpace
    from harness.project.yaml_file import YamlFile


class WorkloadName(Kind):
    """A workload as `name/tier`."""

    words = "a workload's name/tier"
    sample = "NAME/TIER"

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the name; raises UserError when there is no such workload, or its file is wrong."""
        project.workload(value)
        return value


class SubmissionName(Kind):
    """A submission: a folder below submissions/, or a path."""

    words = "a folder below submissions/, or a path"
    sample = "NAME|PATH"

    def read(self, text: str) -> Any:
        """Returns the name or path, with the home folder in place."""
        return expanded(text)

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the name; raises UserError when there is no such submission, or its space is wrong."""
        _space(value, project)
        return value


class SubmissionNames(ListOf):
    """Submissions whose folders have different names, for by these they are told apart."""

    def __init__(self, least: int = 0) -> None:
        super().__init__(SubmissionName(), "names", least)

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the names; raises UserError when one is unknown, or two folders have one name."""
        folders: dict[str, str] = {}
        for name in super().resolve(value, project):
            folder = project.submission_folder(name).resolve()
            if folder.name in folders:
                raise UserError(
                    f"{folders[folder.name]} and {name} are both called '{folder.name}', and a board tells submissions apart by the "
                    "names of their folders: rename one"
                )
            folders[folder.name] = name
        return value


class HardwareName(Named):
    """A file of configs/hardware."""

    def __init__(self) -> None:
        super().__init__("the name of a file of configs/hardware", "NAME")

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the name; raises UserError when there is no such file, or it is wrong."""
        from harness.machine.calibration import read_calibration

        read_calibration(project.hardware, value)
        return value


class SaltFile(PathKind):
    """A file with a secret salt."""

    words = "a file of at least 16 secret random bytes"

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the file; raises UserError when it holds no salt."""
        from harness.salt import read_salt

        read_salt(value)
        return value


class PrivateKeyFile(PathKind):
    """A file with an OpenSSH ed25519 key to sign with."""

    words = "an OpenSSH ed25519 private key"

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the file; raises UserError when it holds no such key."""
        from harness.ledger.signature import read_private_key

        read_private_key(value)
        return value


class PublicKeyFile(PathKind):
    """A file with an OpenSSH ed25519 public key."""

    words = "an OpenSSH ed25519 public key"

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the file; raises UserError when it holds no such key."""
        from harness.ledger.signature import read_public_key

        read_public_key(value)
        return value


class Hyperparameters(Group):
    """`hp.NAME=VALUE`, of the submission that another option names."""

    words = "hyperparameters of the submission, as hp.NAME=VALUE"
    sample = "VALUE"
    from_configs = False

    def __init__(self, of: str) -> None:
        self.of = of

    def build(self, parts: Mapping[str, str], given: Mapping[str, Any], project: Project) -> dict[str, Any]:
        """Returns the values; raises UserError for a name that the space lacks (the nearest is suggested) or a value outside it."""
        if not parts or self.of not in given:
            return {}
        if given[self.of] in project.workload_ids():
            raise UserError(f"hp.{next(iter(parts))}= is for a submission, and {given[self.of]} is a workload")
        space = _space(given[self.of], project)
        axes = {axis.name: axis for axis in space.axes}
        for name in parts:
            if name not in axes:
                raise UserError(f"no hyperparameter '{name}' in {space.path}{suggest(name, axes)}")
        return {name: axes[name].read(text, "hp") for name, text in parts.items()}


class ConfigGroup(Group):
    """One of the files of a folder below configs/, and changes to its fields."""

    def __init__(self, name: str) -> None:
        self.name, self.words = name, f"a file of configs/{name}"
        self.sample = "NAME"

    def fields(self, file: YamlFile, content: Mapping[str, Any]) -> type:
        """Returns the dataclass that declares the fields."""
        raise NotImplementedError

    def build(self, file: YamlFile, content: Mapping[str, Any], parts: Mapping[str, str]) -> Any:
        """Returns what the file describes, with the changes in place.

        Raises:
            UserError: the file is wrong, or a change is of an unknown field or not of its kind.
        """
        raise NotImplementedError

    def changes(self, record: type, parts: Mapping[str, str]) -> dict[tuple[str, ...], Any]:
        """Returns the changes by the keys that lead to them."""
        from harness.project.fields import Fields

        found: dict[tuple[str, ...], Any] = {}
        for key, text in parts.items():
            place = tuple(key.split("."))
            if place == ("name",):
                raise UserError(f"{self.name}.name cannot be changed: choose with {self.name}=NAME")
            try:
                kind = Fields(record).at(*place)
                optional = kind.words == "text" and text == "null"
                found[place] = None if optional else kind.read(text)
            except Wrong as error:
                where = f"{self.name}.{key}" if "no field" not in str(error) else ".".join((self.name, *place[:-1]))
                raise UserError(f"{where} {error}") from None
        return found


class RulesetGroup(ConfigGroup):
    """configs/ruleset."""

    def __init__(self) -> None:
        super().__init__("ruleset")

    def build(self, file: YamlFile, content: Mapping[str, Any], parts: Mapping[str, str]) -> Any:
        """Returns the ruleset; a changed one has a name of its own."""
        from harness.project.rulesets import Ruleset, ruleset_from

        changes = {place[0]: value for place, value in self.changes(Ruleset, parts).items()}
        return ruleset_from(file, content).changed(changes)


class LauncherGroup(ConfigGroup):
    """configs/launcher."""

    def __init__(self) -> None:
        super().__init__("launcher")

    def build(self, file: YamlFile, content: Mapping[str, Any], parts: Mapping[str, str]) -> Any:
        """Returns the launcher."""
        from harness.launch.launcher import launcher_class, read_launcher

        merged = dict(content)
        for place, value in self.changes(launcher_class(file, content), parts).items():
            table = merged
            for key in place[:-1]:
                table[key] = dict(table.get(key) or {})
                table = table[key]
            table[place[-1]] = value
        return read_launcher(file, merged)


class CheckedName(Kind):
    """What `finishline check` looks at: a submission by name or path, or a workload by name/tier."""

    words = "a submission or a workload"
    sample = "SUBMISSION|WORKLOAD"

    def read(self, text: str) -> Any:
        """Returns the name or path, with the home folder in place."""
        return expanded(text)

    def resolve(self, value: Any, project: Project) -> Any:
        """Returns the name; raises UserError when there is neither."""
        if value in project.workload_ids() or (project.root / "submissions" / value / "submission.py").is_file():
            return value
        if "/" in value and Path(value).is_dir():
            project.submission_folder(value)
            return value
        known = [*project.submission_names(), *project.workload_ids()]
        what = "submission or workload" if not value.startswith((".", "/")) else "submission"
        raise UserError(f"no {what} {shown(value)}{suggest(value, known)}")


def _space(submission: str, project: Project) -> SearchSpace:
    from harness.project.space import read_space

    return read_space(project.submission_folder(submission))
