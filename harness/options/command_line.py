"""The words of a command line become the options of a verb: one grammar for all verbs, described in docs/options.md.

First the words alone are checked, then names against the project, and last the files that Hydra composes: what is wrong is told before
anything heavy is imported.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from harness.errors import UserError, suggest
from harness.options.names import ConfigGroup, Hyperparameters
from harness.project.compose import compose, default_choice, must_be_a_choice
from harness.project.project import Project
from harness.project.yaml_file import YamlFile, read_yaml
from harness.values.declare import Given, Group, Option, Switch, declared
from harness.values.kinds import Number, Wrong, shown

NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)\s*=", re.A)
DECORATED = re.compile(r"(\++|~|--?)([A-Za-z_][A-Za-z0-9_.-]*)\s*(=.*|$)", re.A | re.S)
HELP = ("-h", "--help", "help")
Options = TypeVar("Options")


def read_options(record: type[Options], verb: str, words: Sequence[str], project: Project) -> Options:
    """Returns the options of a verb.

    Args:
        record: the dataclass that declares them.
        verb: what messages begin with, and the name of the file in configs/ that may hold other defaults.
        words: the command line after the verb.
        project: what names refer to.

    Raises:
        UserError: an unknown option (the nearest is suggested), one that is missing or twice there, a value that is not of its kind, or a
            name that the project does not know.
    """
    known = declared(cast(Any, record))
    try:
        texts, free = _sorted(known, words)
        values = {
            name: _read(known[name], text) for name, text in texts.items() if name in known and not isinstance(known[name].kind, Group)
        }
        values |= _positional(known, free)
        for option in known.values():
            if isinstance(option.kind, ConfigGroup) and option.name in texts:
                must_be_a_choice(project.configs, option.name, texts[option.name])
        values = {name: _resolved(known[name], value, project) for name, value in values.items()}
        for option in known.values():
            if isinstance(option.kind, Hyperparameters):
                values[option.name] = option.kind.build(_parts(option.name, texts), values, project)
    except UserError as error:
        raise UserError(f"{verb}: {error}") from None
    values |= {option.name: frozenset(name.split(".")[0] for name in texts) for option in known.values() if isinstance(option.kind, Given)}
    try:
        values = _composed(getattr(record, "CONFIG", verb), known, texts, values, project)
        for option in known.values():
            if option.required and option.name not in values:
                raise UserError(_missing(option))
        return record(**values)
    except UserError as error:
        raise UserError(f"{verb}: {error}") from None


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether a verb is to be explained."""
    return any(word in HELP for word in words)


def _sorted(known: Mapping[str, Option], words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Returns the named options as text, and the words without a name."""
    texts: dict[str, str] = {}
    free = []
    switches = {f"--{name}": name for name, option in known.items() if isinstance(option.kind, Switch)}
    for word in words:
        match = NAMED.match(word)
        if match:
            name, text = match[1], word[match.end() :]
            _must_be_known(known, name)
            if name in texts:
                raise UserError(f"{name}= is given twice")
            if not text.strip():
                raise UserError(f"{name}= is empty: write {name}={_sample(known, name)}, or leave it out")
            texts[name] = text.strip()
        elif word in switches:
            if switches[word] in texts:
                raise UserError(f"{word} is given twice")
            texts[switches[word]] = "true"
        elif decorated := DECORATED.fullmatch(word):
            raise UserError(_in_plain(known, word, decorated[1], decorated[2], decorated[3], list(switches)))
        else:
            free.append(word)
    return texts, free


def _in_plain(known: Mapping[str, Option], word: str, sign: str, name: str, rest: str, switches: list[str]) -> str:
    """Returns what to write instead of `++seed=1`, `~seed`, `--seed=1`."""
    if name.split(".")[0] not in known:
        there = switches if sign.startswith("-") and not rest else [key for key in known if not known[key].positional]
        return f"no option '{word}'{suggest(f'{sign}{name}' if there is switches else name, there) or '; options are written name=value'}"
    if sign == "~":
        return f"{shown(word)}: an option cannot be removed; leave {name}= out, or give it another value"
    option = known[name.split(".")[0]]
    if isinstance(option.kind, Switch):
        return f"{shown(word)}: write --{name}"
    value = rest.removeprefix("=") or _sample(known, name)
    return f"{shown(word)}: options are written without '{sign}': {name}={value}"


def _must_be_known(known: Mapping[str, Option], name: str) -> None:
    first, dot, rest = name.partition(".")
    named = [key for key, option in known.items() if not option.positional and not isinstance(option.kind, Given)]
    option = known.get(first)
    if option is None or first not in named or (dot and not isinstance(option.kind, Group)):
        near = [f"{key}.{rest}" if isinstance(known[key].kind, Group) and dot else key for key in named]
        raise UserError(f"no option '{name}'{suggest(name, near) if named else ''}")
    if isinstance(option.kind, Switch):
        raise UserError(f"'{name}=': write --{name}")
    if dot and not all(rest.split(".")):
        raise UserError(f"no option '{name}': write {first}.KEY=VALUE")
    if isinstance(option.kind, Hyperparameters) and not dot:
        raise UserError(f"'{name}=': hyperparameters are written one by one, {name}.NAME=VALUE")


def _sample(known: Mapping[str, Option], name: str) -> str:
    option = known.get(name.split(".")[0])
    return option.kind.sample if option and "." not in name else "VALUE"


def _read(option: Option, text: str) -> Any:
    if text == "null" and option.optional:
        return None
    try:
        return option.kind.read(text)
    except Wrong as error:
        raise UserError(f"{option.name} {error}") from None


def _positional(known: Mapping[str, Option], free: Sequence[str]) -> dict[str, Any]:
    option = next((option for option in known.values() if option.positional), None)
    if option is None:
        if free:
            if free[0] in known:
                raise UserError(f"{shown(free[0])} has no value: write {free[0]}={_sample(known, free[0])}")
            near = suggest(free[0], known)
            hint = near if "did you mean" in near else ""
            raise UserError(f"{shown(free[0])} is not an option; {'options are written name=value' if known else 'there are none'}{hint}")
        return {}
    assert option.positional is not None
    if any(not word.strip() for word in free):
        raise UserError(f"an empty word is given: {option.help}")
    if not free or (len(free) > 1 and not option.positional.several):
        extra = f", not {len(free)}: {' '.join(map(shown, free))}" if free else ""
        raise UserError(f"give {option.help}{extra}")
    values = [_read(option, word) for word in free]
    if option.positional.several and len(set(values)) < len(values):
        raise UserError(f"{next(shown(str(v)) for n, v in enumerate(values) if v in values[:n])} is given twice")
    return {option.name: tuple(values) if option.positional.several else values[0]}


def _resolved(option: Option, value: Any, project: Project) -> Any:
    if value is None:
        return None
    if option.positional and option.positional.several:
        return tuple(option.kind.resolve(item, project) for item in value)
    return option.kind.resolve(value, project)


def _parts(group: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(f"{group}."): text for name, text in texts.items() if name.startswith(f"{group}.")}


def _composed(
    config: str, known: Mapping[str, Option], texts: Mapping[str, str], values: dict[str, Any], project: Project
) -> dict[str, Any]:
    """Returns the values with what configs/<verb>.yaml and the groups add."""
    groups = {name: option.kind for name, option in known.items() if isinstance(option.kind, ConfigGroup)}
    path = project.configs / f"{config}.yaml"
    if not path.exists():
        if groups:
            raise UserError(f"there is no {path}, which says what {' and '.join(groups)} are by default")
        return values
    file = read_yaml(path)
    chosen: dict[str, YamlFile] = {}
    for name, kind in groups.items():
        choice = texts.get(name) or default_choice(file, name)
        if choice is None:
            raise UserError(f"{name}= is missing: give it, or add `- {name}: NAME` to the defaults list of {path}")
        must_be_a_choice(project.configs, name, choice)
        chosen[name] = read_yaml(project.configs / name / f"{choice}.yaml")
        if not chosen[name].composed and isinstance(chosen[name].content, dict):
            kind.build(chosen[name], chosen[name].content, _parts(name, texts))  # told before Hydra is imported
    file, content = compose(project.configs, config, [f"{name}={texts[name]}" for name in groups if name in texts])
    for name, kind in groups.items():
        if not isinstance(content.get(name), dict):
            raise UserError(f"{chosen[name].path}: the file has to hold keys and values")
        values[name] = kind.build(chosen[name], content[name], _parts(name, texts))
    for name, value in content.items():
        if name in groups:
            continue
        if name not in known or known[name].positional or isinstance(known[name].kind, Group | Given):
            raise UserError(f"{file.at(name)}: no option '{name}'{suggest(name, known)}")
        if name in values or value == "???":
            continue
        try:
            checked = None if value is None and known[name].optional else known[name].kind.check(value)
        except Wrong as error:
            raise UserError(f"{file.at(name, *error.place)}: {name} {error}") from None
        if isinstance(known[name].kind, Number) and checked is not None:
            checked = float(checked)
        values[name] = _resolved(known[name], checked, project)
    return values


def _missing(option: Option) -> str:
    return f"{option.name}= is missing: write {option.name}={option.kind.sample} ({option.help or option.kind.words})"
