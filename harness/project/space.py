"""Search spaces: what is tuned from outside, the same for every workload.

    # space.yaml
    learning_rate: {scale: log, min: 1e-4, max: 1e-2, default: 3e-3}
    beta2: {scale: one_minus_log, min: 0.9, max: 0.999, default: 0.98}
    clip_norm: {scale: categorical, values: [0.5, 1.0], default: 1.0}

or a list of points, the first of which is the default:

    - {learning_rate: 3e-3, beta2: 0.98}
    - {learning_rate: 1e-3, beta2: 0.999}

Scales: `linear`, `log`, `one_minus_log` (1 - x is spread evenly in the logarithm), `integer`, `categorical`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError, suggest
from harness.project.yaml_file import YamlFile, read_yaml
from harness.values.kinds import Kind, Number, Whole, Wrong, shown, unquoted

Value = Any
"""A finite number, text or boolean; in a list of points also a list of these."""
SCALES = ("linear", "log", "one_minus_log", "integer", "categorical")


@dataclass(frozen=True)
class Hyperparameter:
    """One axis of a search space: a range on a scale, or a list of values; and the default."""

    name: str
    scale: str
    low: float | None
    high: float | None
    values: tuple[Value, ...]
    default: Value

    @property
    def kind(self) -> Kind:
        """What a value has to be: in the range, or one of the values."""
        if self.scale == "categorical":
            return Choice(self.values)
        if self.scale == "integer":
            assert self.low is not None
            assert self.high is not None
            return Whole(int(self.low), int(self.high))
        return Number(self.low, self.high)

    def accept(self, value: Any, where: str) -> Value:
        """Returns a value of the space, converted.

        Raises:
            UserError: it is of the wrong kind, or outside the space.
        """
        whole = self.scale == "integer" and isinstance(value, float) and value.is_integer()
        try:
            accepted: Value = self.kind.check(int(value) if whole else value)
        except Wrong as error:
            raise UserError(f"{where}: {self.name} {error}") from None
        return float(accepted) if self.scale not in ("integer", "categorical") else accepted

    def read(self, text: str, where: str) -> Value:
        """Returns the value that a word of the command line stands for.

        Raises:
            UserError: it is of the wrong kind, or outside the space.
        """
        try:
            return self.accept(self.kind.read(text), where)
        except Wrong as error:
            raise UserError(f"{where}.{self.name} {error}") from None

    def at(self, share: float) -> Value:
        """Returns the value at a share in [0, 1) of the way along the axis, on its scale."""
        if self.scale == "categorical":
            return self.values[int(share * len(self.values))]
        assert self.low is not None
        assert self.high is not None
        low, high = self.low, self.high
        if self.scale == "integer":
            return int(low + math.floor(share * (high - low + 1)))
        if self.scale == "log":
            return low * (high / low) ** share
        if self.scale == "one_minus_log":
            return 1 - (1 - low) * ((1 - high) / (1 - low)) ** share
        return low + share * (high - low)


@dataclass(frozen=True)
class Choice(Kind):
    """One of the values of a categorical hyperparameter."""

    values: tuple[Value, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """What it takes."""
        return f"one of {', '.join(value if isinstance(value, str) else shown(value) for value in self.values)}"

    def read(self, text: str) -> Value:
        """Returns the value that is written so: a number in any form, the others as they are."""
        for value in self.values:
            kind: Kind = Number() if isinstance(value, int | float) and not isinstance(value, bool) else Kind()
            try:
                same = (
                    kind.read(text) == value
                    if isinstance(kind, Number)
                    else unquoted(text) == (value if isinstance(value, str) else shown(value))
                )
            except Wrong:
                continue
            if same:
                return value
        raise self.refusal(text)

    def check(self, value: Any) -> Value:
        """Returns the value; `1` is not `true`."""
        for known in self.values:
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return known
        raise self.refusal(value)


@dataclass(frozen=True)
class SearchSpace:
    """All hyperparameters of a submission, in the order of its space.yaml."""

    path: Path
    axes: tuple[Hyperparameter, ...]
    listed: tuple[Mapping[str, Value], ...] = ()

    def points(self, count: int, seed: int) -> list[dict[str, Value]]:
        """Returns `count` different points: of one scrambled Sobol sequence, or drawn from the list without replacement.

        The first points of a longer draw are those of a shorter one. Source: Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points".

        Raises:
            UserError: the list has fewer points than that.
        """
        import numpy as np
        from scipy.stats import qmc

        if self.listed:
            if count > len(self.listed):
                raise UserError(f"{self.path} lists {len(self.listed)} points, but {count} are to be drawn without replacement: add some")
            order = np.random.default_rng(seed).permutation(len(self.listed))
            return [dict(self.listed[i]) for i in order[:count]]
        sequence = qmc.Sobol(len(self.axes), scramble=True, rng=np.random.default_rng(seed))
        shares = sequence.random_base2(math.ceil(math.log2(max(count, 2))))[:count]
        return [{axis.name: axis.at(float(x)) for axis, x in zip(self.axes, row, strict=True)} for row in shares]

    def point(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """Returns the default point with the `given` values in place.

        Raises:
            UserError: an unknown name (the nearest is suggested), or a value of the wrong kind.
        """
        axes = {axis.name: axis for axis in self.axes}
        for name in given:
            if name not in axes:
                raise UserError(f"no hyperparameter '{name}' in {self.path}{suggest(name, axes)}")
        return {name: axis.accept(given[name], "hp") if name in given else axis.default for name, axis in axes.items()}


def read_space(folder: Path) -> SearchSpace:
    """Reads and checks `folder/space.yaml`.

    Raises:
        UserError: the file is missing or no YAML, or an axis is wrong: min above max, an unknown scale or key, a default outside the range.
    """
    path = folder / "space.yaml"
    if not path.is_file():
        raise UserError(f"no space.yaml in {folder}: it names the hyperparameters, with ranges and defaults")
    file = read_yaml(path)
    if isinstance(file.content, list):
        return _listed(file, file.content)
    content = {} if file.content is None else file.content
    if not isinstance(content, dict):
        raise UserError(f"{path}: write name: {{scale: log, min: 1e-4, max: 1e-2, default: 1e-3}}, one hyperparameter a line")
    return SearchSpace(path, tuple(_axis(file, name, fields) for name, fields in content.items()))


def _listed(file: YamlFile, points: list[Any]) -> SearchSpace:
    """A space of given points: each hyperparameter is categorical over the values that occur."""
    if not points or not all(isinstance(point, dict) and point for point in points):
        raise UserError(f"{file.path} must list points such as {{learning_rate: 1e-3}}, at least one")
    names = list(points[0])
    for number, point in enumerate(points, 1):
        where = f"{file.at(number - 1)}, point {number}"
        different = set(point) ^ set(names)
        if different:
            raise UserError(f"{where}: '{sorted(map(str, different))[0]}' is not in all points")
        for name, value in point.items():
            _must_be_a_value(where, name, value)
    for name in names:
        _must_be_a_name(file, name)
    values = {name: _different([point[name] for point in points]) for name in names}
    axes = tuple(Hyperparameter(str(name), "categorical", None, None, values[name], points[0][name]) for name in names)
    return SearchSpace(file.path, axes, tuple(points))


def _different(values: list[Value]) -> tuple[Value, ...]:
    """Each value once, in order; a list cannot be the key of a dict."""
    return tuple(value for number, value in enumerate(values) if value not in values[:number])


def _axis(file: YamlFile, name: str, fields: Any) -> Hyperparameter:
    _must_be_a_name(file, name)
    where = f"{file.at(name)}, {name}"
    if not isinstance(fields, dict):
        raise UserError(f"{where}: write {{scale: log, min: 1e-4, max: 1e-2, default: 1e-3}}, not {shown(fields)}")
    scale = fields.get("scale")
    if scale not in SCALES:
        raise UserError(f"{where}: unknown scale {shown(scale)}{suggest(str(scale), SCALES)}")
    wanted = ("scale", "values", "default") if scale == "categorical" else ("scale", "min", "max", "default")
    for key in fields:
        if key not in wanted:
            raise UserError(f"{file.at(name, key)}, {name}: unknown key '{key}'{suggest(str(key), wanted)}")
    for key in wanted:
        if key not in fields:
            raise UserError(f"{where}: '{key}' is missing; needed are {', '.join(wanted)}")
    if scale == "categorical":
        values = fields["values"]
        if not isinstance(values, list) or not values:
            raise UserError(f"{file.at(name, 'values')}, {name}: values must be a list with at least one value")
        for value in values:
            _must_be_a_value(where, "values", value)
        axis = Hyperparameter(name, scale, None, None, tuple(values), fields["default"])
    else:
        axis = Hyperparameter(name, scale, fields["min"], fields["max"], (), fields["default"])
        _check_range(where, scale, fields["min"], fields["max"])
    axis.accept(fields["default"], f"{file.at(name, 'default')}, default")
    return axis


def _must_be_a_name(file: YamlFile, name: str) -> None:
    if not name.isidentifier():
        raise UserError(f"{file.at(name)}: a hyperparameter is read as self.hp.NAME, and {shown(name)} is no name in Python")


def _must_be_a_value(where: str, name: str, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _must_be_a_value(where, name, item)
    elif not isinstance(value, str | int | float | bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise UserError(f"{where}: {name}: a value is a finite number, text, true or false, or a list of these, not {shown(value)}")


def _check_range(where: str, scale: str, low: Any, high: Any) -> None:
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{where}: min and max must be numbers, not {shown(value)}")
    if low > high:
        raise UserError(f"{where}: min {low} is above max {high}")
    if scale == "log" and low <= 0:
        raise UserError(f"{where}: on a log scale min must be above 0, not {low}")
    if scale == "one_minus_log" and high >= 1:
        raise UserError(f"{where}: on the scale one_minus_log max must be below 1, not {high}")
    if scale == "integer" and (low != int(low) or high != int(high)):
        raise UserError(f"{where}: min and max of an integer must be whole numbers")
