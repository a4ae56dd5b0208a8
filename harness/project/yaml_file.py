"""YAML files with the line of each key, read so that every value has one meaning.

YAML 1.1, which Hydra reads, takes `on` for true, `010` for 8 and `1:30` for 90; such values are refused, and Hydra never sees them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.values.kinds import NUMBER, WHOLE

Place = tuple[str | int, ...]
NULL = ("", "~", "null", "Null", "NULL")
TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
YES_OR_NO = re.compile(r"(?i:yes|no|on|off)")
OTHER_NUMBER = re.compile(
    r"[+-]?(0[xXbBoO][0-9a-fA-F_]+|0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9][0-9_.]*_[0-9_.]*|\d+(\.\d*)?[eE]\d*_\d+)"
)
NOT_FINITE = re.compile(r"[+-]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class YamlFile:
    """The content of a file, and the line of each of its values (from 1) by the keys that lead there."""

    path: Path
    content: Any
    lines: Mapping[Place, int] = field(default_factory=dict)
    composed: bool = False
    """Whether it says with a `defaults` list, `${...}` or `@package` that values come from, or go, elsewhere."""

    def at(self, *place: str | int) -> str:
        """Returns `file, line n` for a value, or for the nearest that holds it."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return f"{self.path}, line {self.lines[place[:length]]}"
        return str(self.path)


def read_yaml(path: Path) -> YamlFile:
    """Returns the content of a YAML file.

    Raises:
        UserError: it cannot be read, is no YAML, has a key twice, or a value that has two meanings; with the line.
    """
    import yaml

    try:
        text = path.read_bytes().decode()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        node = yaml.compose(text, Loader=loader)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: it is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or getattr(error, "reason", "")
        raise UserError(f"{path}{f', line {mark.line + 1}' if mark else ''}: this is not YAML: {problem}") from None
    reader = _Reader(path)
    try:
        content = None if node is None else reader.value(node, ())
    except RecursionError:
        raise UserError(f"{path}: it is nested too deep, or holds itself") from None
    composed = "${" in text or "@package" in text or (isinstance(content, dict) and "defaults" in content)
    return YamlFile(path, content, reader.lines, composed)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: dict[Place, int] = {}

    def value(self, node: Any, place: Place) -> Any:
        import yaml

        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        found: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{self._path}, line {line}: a key has to be a name")
            if key.value in found:
                raise UserError(f"{self._path}, line {line}: '{key.value}' is given twice, first in line {self.lines[*place, key.value]}")
            self.lines[*place, key.value] = line
            found[key.value] = self.value(item, (*place, key.value))
        return found

    def _scalar(self, node: Any, place: Place) -> Any:
        text = node.value
        if node.style:
            return text
        if text in NULL:
            return None
        if text in TRUE or text in FALSE:
            return text in TRUE
        key = next((str(part) for part in reversed(place) if isinstance(part, str)), "a value")
        where = f"{self._path}, line {node.start_mark.line + 1}: {key}: {text}"
        if YES_OR_NO.fullmatch(text):
            raise UserError(f"{where} has two meanings in YAML: write true or false, or quote it ('{text}')")
        if OTHER_NUMBER.fullmatch(text):
            raise UserError(f"{where} has two meanings in YAML: write a plain decimal number, or quote it ('{text}')")
        if WHOLE.fullmatch(text):
            return int(text) if len(text) < 1000 else text
        if NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text
