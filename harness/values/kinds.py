"""The kinds of values that options and the fields of YAML files have.

A kind reads a value from the command line (`read`), checks one that a YAML file gave (`check`) and says in words what it takes (`words`),
so that a message, the help of a verb and the table in docs/options.md follow from one declaration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import suggest

WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONGEST = 80
MAX_SEED = (1 << 63) - 1


class Wrong(ValueError):
    """A value is not of its kind; the message goes on after the name of the option or field: "is a whole number, not 'one'"."""

    def __init__(self, words: str, *place: str | int) -> None:
        super().__init__(words)
        self.place = place
        """Where in a list or table the wrong value is."""


class Kind:
    """A kind of value: any text."""

    words = "text"
    sample = "TEXT"

    def read(self, text: str) -> Any:
        """Returns the value that a word of the command line stands for; raises Wrong when it is not of this kind."""
        return unquoted(text)

    def check(self, value: Any) -> Any:
        """Returns a value of a YAML file; raises Wrong when it is not of this kind."""
        if not isinstance(value, str):
            raise self.refusal(value, "" if isinstance(value, list | Mapping) else "; quote it")
        return value

    def resolve(self, value: Any, project: Any) -> Any:
        """Returns what a value means in a project; raises UserError when there is no such thing."""
        return value

    def at(self, key: str, *rest: str) -> Kind:
        """Returns the kind of a value inside, for `name.key=value`; raises Wrong when there is none."""
        raise Wrong(f"has no field '{key}'")

    def refusal(self, value: Any, hint: str = "") -> Wrong:
        """Returns the error for a value of another kind; `hint` says how to write it."""
        return Wrong(f"is {self.words}, not {shown(value)}{hint}")


@dataclass(frozen=True)
class Named(Kind):
    """Text of a certain form."""

    words: str
    sample: str = "NAME"
    form: str = r"[A-Za-z0-9][A-Za-z0-9_.-]*"

    def read(self, text: str) -> str:
        """Returns the name."""
        return self.check(unquoted(text))

    def check(self, value: Any) -> str:
        """Returns the name."""
        if not isinstance(value, str) or not re.fullmatch(self.form, value):
            raise self.refusal(value)
        return value


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number in a range."""

    least: int | None = None
    most: int | None = None
    sample = "N"

    @property
    def words(self) -> str:  # type: ignore[override]
        """What it takes."""
        return f"a whole number{_range(self.least, self.most)}"

    def read(self, text: str) -> int:
        """Returns a decimal number."""
        bare = unquoted(text)
        if not WHOLE.fullmatch(bare) or len(bare) > LONGEST:
            raise self.refusal(text, _how_to_write(bare, int))
        return self.check(int(bare))

    def check(self, value: Any) -> int:
        """Returns the number."""
        if type(value) is not int or not _within(value, self.least, self.most):
            raise self.refusal(value)
        return value


@dataclass(frozen=True)
class Number(Kind):
    """A finite number in a range; `above` and `below` are not themselves in it."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    sample = "X"

    @property
    def words(self) -> str:  # type: ignore[override]
        """What it takes."""
        if self.above is None and self.below is None:
            return f"a number{_range(self.least, self.most)}"
        low = f" above {self.above:g}" if self.above is not None else _range(self.least, None)
        high = f" below {self.below:g}" if self.below is not None else f" at most {self.most:g}" if self.most is not None else ""
        return f"a number{low}{' and' if low and high else ''}{high}"

    def read(self, text: str) -> float:
        """Returns a decimal number."""
        bare = unquoted(text)
        if not NUMBER.fullmatch(bare):
            raise self.refusal(text, _how_to_write(bare, float))
        value = float(bare)
        if not math.isfinite(value) or not self._holds(value):
            raise self.refusal(text)
        return value

    def check(self, value: Any) -> float:
        """Returns the number, a whole one as it is."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not self._holds(value):
            raise self.refusal(value)
        return value

    def _holds(self, value: float) -> bool:
        inside = (self.above is None or value > self.above) and (self.below is None or value < self.below)
        return inside and _within(value, self.least, self.most)


class YesNo(Kind):
    """A Boolean."""

    words = "true or false"
    sample = "true|false"

    def read(self, text: str) -> bool:
        """Returns what was said."""
        if unquoted(text) not in ("true", "false"):
            meant = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
            word = unquoted(text).lower()
            known = meant.get(word) or (word if word in ("true", "false") else None)
            raise self.refusal(text, f"; write {known}" if known else "")
        return unquoted(text) == "true"

    def check(self, value: Any) -> bool:
        """Returns the value."""
        if not isinstance(value, bool):
            raise self.refusal(value)
        return value


@dataclass(frozen=True)
class OneOf(Kind):
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """What it takes."""
        return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}" if len(self.choices) > 1 else self.choices[0]

    @property
    def sample(self) -> str:  # type: ignore[override]
        """How the help shows a value."""
        return "|".join(self.choices)

    def read(self, text: str) -> str:
        """Returns the word."""
        return self.check(unquoted(text))

    def check(self, value: Any) -> str:
        """Returns the word."""
        if value not in self.choices or not isinstance(value, str):
            near = suggest(str(value), self.choices)
            raise self.refusal(value, near if "did you mean" in near else "")
        return value


class Scalar(Kind):
    """Text, a number, true or false, as it is written."""

    words = "text, a number, true or false"
    sample = "VALUE"

    def read(self, text: str) -> Any:
        """Returns the value."""
        if text in ("true", "false"):
            return text == "true"
        if WHOLE.fullmatch(text):
            return int(text)
        return float(text) if NUMBER.fullmatch(text) else unquoted(text)

    def check(self, value: Any) -> Any:
        """Returns the value."""
        if not isinstance(value, str | int | float | bool):
            raise self.refusal(value)
        return value


class Word(Kind):
    """Text; a number of a YAML file is taken as it is written."""

    def check(self, value: Any) -> str:
        """Returns the text."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.refusal(value)
        return str(value)


@dataclass(frozen=True)
class ListOf(Kind):
    """A list in brackets; one item alone needs none."""

    item: Kind
    what: str = "values"
    least: int = 0

    @property
    def words(self) -> str:  # type: ignore[override]
        """What it takes."""
        return f"a list of {'different ' if self._is_set else ''}{self.what}{', at least one' if self.least else ''}"

    @property
    def sample(self) -> str:  # type: ignore[override]
        """How the help shows a value."""
        return "[A,B]"

    @property
    def _is_set(self) -> bool:
        return True

    def read(self, text: str) -> tuple[Any, ...]:
        """Returns the items."""
        items = [self._read_item(item, text) for item in split_list(text)]
        return self._checked(items, text)

    def check(self, value: Any) -> tuple[Any, ...]:
        """Returns the items; a single one is a list of one."""
        found = []
        for number, item in enumerate(value if isinstance(value, list | tuple) else [value]):
            try:
                found.append(self.item.check(item))
            except Wrong as error:
                raise Wrong(str(error), number, *error.place) from None
        return self._checked(found, value)

    def resolve(self, value: Any, project: Any) -> Any:
        """Returns what the items mean in a project."""
        return tuple(self.item.resolve(item, project) for item in value)

    def _read_item(self, item: str, text: str) -> Any:
        try:
            return self.item.read(item)
        except Wrong as error:
            raise Wrong(f"has an item that {error}") from None

    def _checked(self, items: list[Any], given: Any) -> tuple[Any, ...]:
        if len(items) < self.least:
            raise self.refusal(given)
        if self._is_set and (twice := next((item for number, item in enumerate(items) if item in items[:number]), None)) is not None:
            raise Wrong(f"is {self.words}, and names {shown(twice)} twice")
        return tuple(items)


class Lines(ListOf):
    """A list of lines of text, which may be alike."""

    def __init__(self, what: str) -> None:
        super().__init__(Kind(), what)

    @property
    def _is_set(self) -> bool:
        return False

    def read(self, text: str) -> tuple[Any, ...]:
        """Returns the lines; a list stands in brackets even with one, for a line of shell may hold anything."""
        if not text.startswith("["):
            raise self.refusal(text, f"; write ['{text}']")
        return super().read(text)

    def check(self, value: Any) -> tuple[Any, ...]:
        """Returns the lines."""
        if not isinstance(value, list | tuple):
            raise self.refusal(value)
        return super().check(value)


@dataclass(frozen=True)
class Table(Kind):
    """Names and values, all of one kind; on the command line `name.key=value`."""

    value: Kind
    words: str = "a table of names and values"
    sample: str = "{NAME: VALUE}"

    def read(self, text: str) -> Any:
        """Refuses: a table is given key by key."""
        raise self.refusal(text, "; write a value with its key, NAME.KEY=VALUE")

    def check(self, value: Any) -> dict[str, Any]:
        """Returns the table."""
        if not isinstance(value, Mapping):
            raise self.refusal(value)
        found = {}
        for key, item in value.items():
            try:
                found[str(key)] = self.value.check(item)
            except Wrong as error:
                raise Wrong(str(error), str(key), *error.place) from None
        return found

    def at(self, key: str, *rest: str) -> Kind:
        """Returns the kind of a value."""
        return self.value.at(*rest) if rest else self.value


class Anything(Kind):
    """Whatever YAML can say; the code that it is for checks it."""

    words = "anything"

    def check(self, value: Any) -> Any:
        """Returns it."""
        return value


def shown(value: Any) -> str:
    """Returns a value as a message shows it: on one line, not too long."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]}...{text[0] if isinstance(value, str) else ''}"


def unquoted(text: str) -> str:
    """Returns a text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def split_list(text: str) -> list[str]:
    """Returns the items of `[a,'b,c']`, quotes kept; a word without brackets is a list of one.

    Raises:
        Wrong: a bracket or quote is not closed, an item is empty, or there are commas without brackets.
    """
    if not text.startswith("["):
        parts = _split(text)
        if len(parts) > 1:
            raise Wrong(f"is a list, and has to be written in brackets: [{text}]; a comma that belongs to a name is quoted: ['{text}']")
        if text.endswith("]"):
            raise Wrong(f"is a list that is not opened: {shown(text)}; write [A,B] without spaces, or quote all of it")
        return [text]
    if not text.endswith("]"):
        raise Wrong(f"is a list that is not closed: {shown(text)}; write [A,B] without spaces, or quote all of it")
    inner = text[1:-1].strip()
    items = [part.strip() for part in _split(inner)] if inner else []
    for item in items:
        if unquoted(item) == "":
            raise Wrong(f"is a list with an empty item: {shown(text)}")
        if unquoted(item) == item and any(letter in item for letter in "[]"):
            raise Wrong(f"is a list inside a list: {shown(text)}; write [A,B]")
    return items


def _split(text: str) -> list[str]:
    """Splits at commas that are in no quotes."""
    parts, quote = [""], ""
    for letter in text:
        if letter == "," and not quote:
            parts.append("")
            continue
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"" and not parts[-1].strip():
            quote = letter
        parts[-1] += letter
    if quote:
        raise Wrong(f"has a quote that is not closed: {shown(text)}")
    return parts


def _how_to_write(text: str, number: Callable[[str], float]) -> str:
    """Returns the hint for a text that some grammars take for a number."""
    if "," in text:
        return "; give one value"
    bare = text.replace("_", "").strip()
    sign, digits = ("-", bare[1:]) if bare[:1] == "-" else ("", bare.lstrip("+"))
    bare = sign + (digits.lstrip("0") or "0" if not digits.startswith("0.") else digits)
    if bare != text and NUMBER.fullmatch(bare) and (number is float or WHOLE.fullmatch(bare)):
        return f"; write {bare}"
    if number is int and NUMBER.fullmatch(text) and math.isfinite(float(text)) and float(text) == int(float(text)) and len(text) < 16:
        return f"; write {int(float(text))}"
    return ""


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {_plain(least)} to {_plain(most)}"
    if least is not None:
        return f" of at least {_plain(least)}"
    return f" of at most {_plain(most)}" if most is not None else ""


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
