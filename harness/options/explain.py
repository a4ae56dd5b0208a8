"""What `finishline --help`, `finishline VERB --help` and docs/options.md say, from the declarations alone."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from harness.options.names import ConfigGroup, Hyperparameters
from harness.values.declare import Given, Option, Switch, declared
from harness.values.kinds import ListOf

WIDTH = 118
COLUMN = 34


def explain(verb: str, record: type, configs: Path | None = None) -> str:
    """Returns the help of a verb: how it is called, and its options with kind, default and meaning.

    Args:
        verb: its name.
        record: the dataclass that declares its options.
        configs: the project's folder, for what is taken by default from its groups; None: not said.
    """
    options = _options(record)
    lines = [f"{usage(verb, record)}", "", *_wrapped(_doc(record))]
    if options:
        lines.append("")
    for option in sorted(options, key=lambda option: not option.required or _is_group(option)):
        left, right = _spelled(option), _meaning(option, record, verb, configs)
        parts = textwrap.wrap(right, WIDTH - COLUMN)
        if len(left) + 2 > COLUMN - 2:
            lines += [f"  {left}", *(f"{'':{COLUMN}}{part}" for part in parts)]
        else:
            lines += [f"  {left:{COLUMN - 2}}{parts[0]}", *(f"{'':{COLUMN}}{part}" for part in parts[1:])]
    return "\n".join(lines)


def overview(verbs: Mapping[str, type], project_words: Sequence[str] = ()) -> str:
    """Returns the help of the program: every verb with how it is called and what it does."""
    lines = ["finishline: a race between training algorithms.", ""]
    for verb, record in verbs.items():
        lines += [f"  {usage(verb, record)}", *(f"      {line}" for line in textwrap.wrap(_doc(record), WIDTH - 6))]
    lines += ["  finishline VERB --help", "      explains the options of a verb", "  finishline --help, finishline --version", ""]
    return "\n".join([*lines, *project_words])


def usage(verb: str, record: type) -> str:
    """Returns how a verb is called: what it needs, and that it takes more."""
    options = _options(record)
    words = ["finishline", verb]
    for option in options:
        if option.positional:
            words += [option.kind.sample, *([f"[{option.kind.sample} ...]"] if option.positional.several else [])]
    words += [
        f"{option.name}={option.kind.sample}" for option in options if option.required and not option.positional and not _is_group(option)
    ]
    words += [f"[--{option.name}]" for option in options if isinstance(option.kind, Switch)]
    if any(
        not option.positional and not isinstance(option.kind, Switch) and (not option.required or _is_group(option)) for option in options
    ):
        words.append("[name=value ...]")
    return " ".join(words)


def tables(verbs: Mapping[str, type]) -> str:
    """Returns the options of all verbs as Markdown, for docs/options.md."""
    parts = []
    for verb, record in verbs.items():
        parts += [f"### {verb}", "", f"`{usage(verb, record)}`", "", _doc(record), ""]
        options = _options(record)
        if options:
            parts += ["| option | value | default | meaning |", "|---|---|---|---|"]
            for option in sorted(options, key=lambda option: not option.required or _is_group(option)):
                cells = (f"`{_spelled(option)}`", option.kind.words, f"`{_default(option)}`" if _default(option) else "", option.help)
                parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            parts.append("")
    return "\n".join(parts)


def _options(record: type) -> list[Option]:
    return [option for option in declared(record).values() if not isinstance(option.kind, Given)]


def _spelled(option: Option) -> str:
    if isinstance(option.kind, Switch):
        return f"--{option.name}"
    if option.positional:
        return option.kind.sample
    if isinstance(option.kind, Hyperparameters):
        return f"{option.name}.NAME=VALUE"
    return f"{option.name}={option.kind.sample}"


def _meaning(option: Option, record: type, verb: str, configs: Path | None) -> str:
    words = option.help
    if isinstance(option.kind, ConfigGroup):
        config, chosen = getattr(record, "CONFIG", verb), None
        if configs is not None and (configs / f"{config}.yaml").is_file():
            from harness.project.compose import default_choice
            from harness.project.yaml_file import read_yaml

            chosen = default_choice(read_yaml(configs / f"{config}.yaml"), option.name)
        return f"{words} ({option.kind.words}; default: {chosen or f'in configs/{config}.yaml'})"
    if option.positional or isinstance(option.kind, Switch | Hyperparameters):
        return words
    default = "needed" if option.required else f"default: {_default(option)}" if _default(option) else ""
    kind = "" if option.kind.sample == option.kind.words.replace(", ", "|").replace(" or ", "|") else option.kind.words
    note = "; ".join(part for part in (kind, default) if part)
    return f"{words} ({note})" if note else words


def _default(option: Option) -> str:
    value: Any = option.default
    if value is MISSING or value is None or isinstance(option.kind, Switch | Hyperparameters):
        return ""
    if isinstance(option.kind, ListOf):
        return f"[{','.join(map(str, value))}]" if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_group(option: Option) -> bool:
    return isinstance(option.kind, ConfigGroup)


def _doc(record: type) -> str:
    return " ".join((record.__doc__ or "").split())


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
