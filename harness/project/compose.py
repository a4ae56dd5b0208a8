"""Hydra composes what configs/ says: `defaults` lists and `${...}`. What it finds wrong is told in our words, with the line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import UserError, suggest
from harness.project.yaml_file import YamlFile, read_yaml


def compose(configs: Path, name: str, choices: Sequence[str] = ()) -> tuple[YamlFile, dict[str, Any]]:
    """Returns a file of configs/, such as `workload/lm/cpu`, and its content as Hydra composes it; alone where there is nothing to compose.

    Args:
        configs: the folder.
        name: the file without its ending.
        choices: groups and what is taken from them: `ruleset=quick`.

    Raises:
        UserError: the file is missing or wrong, or does not compose.
    """
    file = read_yaml(configs / f"{name}.yaml")
    if file.content is not None and not isinstance(file.content, dict):
        raise UserError(f"{file.path}: the file has to hold keys and values")
    defaults = file.content.get("defaults", ()) if file.content else ()
    if "defaults" in (file.content or ()) and (not isinstance(defaults, list) or "_self_" not in defaults):
        words = "defaults: it has to be a list with this file's own place in it: end it with `- _self_`"
        raise UserError(f"{file.at('defaults')}: {words}")
    if not file.composed and not choices:
        return file, dict(file.content or {})
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(configs.absolute()), version_base=None):
            node: Any = hydra_compose(name, overrides=[_override(file, choice) for choice in choices])
        for part in name.split("/")[:-1]:
            node = node[part]
        content = OmegaConf.to_container(node, resolve=True)
    except (HydraException, OmegaConfBaseException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(_in_our_words(configs, file, error)) from None
    assert isinstance(content, dict)
    return file, {str(key): value for key, value in content.items()}


def choices_of(configs: Path, group: str) -> list[str]:
    """Returns what there is to choose from in a group."""
    return sorted(path.stem for path in (configs / group).glob("*.yaml"))


def must_be_a_choice(configs: Path, group: str, choice: str) -> str:
    """Returns the choice; raises UserError where the group has none of this name (the nearest is suggested)."""
    known = choices_of(configs, group)
    if choice not in known:
        raise UserError(f"no {group} '{choice}'{suggest(choice, known)}")
    return choice


def default_choice(file: YamlFile, group: str) -> str | None:
    """Returns what a file's `defaults` list takes from a group."""
    entries = file.content.get("defaults") if isinstance(file.content, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get(group), str):
            return str(entry[group])
    return None


def _override(file: YamlFile, choice: str) -> str:
    return choice if default_choice(file, choice.split("=")[0]) is not None else f"+{choice}"


def _in_our_words(configs: Path, file: YamlFile, error: Exception) -> str:
    missing = getattr(error, "missing_cfg_file", None)
    if missing:
        folder = (configs / str(missing)).parent
        there = [path.stem for path in folder.glob("*.yaml")]
        return f"{file.at('defaults')}: defaults: there is no file configs/{missing}.yaml{suggest(Path(str(missing)).name, there)}"
    line = next((place for place in file.lines if "${" in str(_value(file, place))), None)
    if line and "nterpolation" in type(error).__name__:
        value = _value(file, line)
        return f"{file.at(*line)}: {line[-1]}: {value!r} refers to a key that is not there: write the value, or ${{key}} of this file"
    if "defaults" in file.lines or ("defaults",) in file.lines:
        return f"{file.at('defaults')}: the defaults list cannot be composed; it is written `- group: name` or `- file`, one a line"
    return f"{file.path}: it cannot be composed: look at its keys, its defaults list and its ${{...}}"


def _value(file: YamlFile, place: tuple[str | int, ...]) -> Any:
    value = file.content
    for part in place:
        value = value[part]
    return value if isinstance(value, str) else ""
