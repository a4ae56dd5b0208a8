"""Search spaces: what is tuned from outside, the same for every workload.

    # space.yaml
    learning_rate: {scale: log, min: 1e-4, max: 1e-2, default: 3e-3}
    beta2: {scale: one_minus_log, min: 0.9, max: 0.999, default: 0.98}
    clip_norm: {scale: categorical, values: [0.5, 1.0], default: 1.0}

Scales: `linear`, `log`, `one_minus_log` (1 - x is spread evenly in the logarithm), `integer`, `categorical`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from harness.errors import UserError, suggest

Value = float | int | str | bool
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

    def accept(self, value: Any, where: str) -> Value:
        """Returns a value given by hand, converted; it may lie outside the range, which is for tuning.

        Raises:
            UserError: it is of the wrong kind.
        """
        if self.scale == "categorical":
            if value not in self.values:
                raise UserError(f"{where}: {self.name} must be one of {list(self.values)}, not {value!r}")
            return self.values[self.values.index(value)]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{where}: {self.name} must be a number, not {value!r}")
        if self.scale == "integer":
            if value != int(value):
                raise UserError(f"{where}: {self.name} must be a whole number, not {value!r}")
            return int(value)
        return float(value)


@dataclass(frozen=True)
class SearchSpace:
    """All hyperparameters of a submission, in the order of its space.yaml."""

    path: Path
    axes: tuple[Hyperparameter, ...]

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
        UserError: the file is missing or no YAML, or an axis is wrong: min above max, an unknown scale or key, a default of the wrong kind.
    """
    path = folder / "space.yaml"
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except FileNotFoundError:
        raise UserError(f"no space.yaml in {folder}: it names the hyperparameters, with ranges and defaults") from None
    except Exception as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} must map each hyperparameter to its scale, range and default")
    return SearchSpace(path, tuple(_axis(path, str(name), fields) for name, fields in content.items()))


def _axis(path: Path, name: str, fields: Any) -> Hyperparameter:
    where = f"{path}, {name}"
    if not isinstance(fields, dict):
        raise UserError(f"{where}: write {{scale: log, min: 1e-4, max: 1e-2, default: 1e-3}}, not {fields!r}")
    scale = fields.get("scale")
    if scale not in SCALES:
        raise UserError(f"{where}: unknown scale {scale!r}{suggest(str(scale), SCALES)}")
    wanted = ("scale", "values", "default") if scale == "categorical" else ("scale", "min", "max", "default")
    for key in fields:
        if key not in wanted:
            raise UserError(f"{where}: unknown key '{key}'{suggest(str(key), wanted)}")
    for key in wanted:
        if key not in fields:
            raise UserError(f"{where}: '{key}' is missing; needed are {', '.join(wanted)}")
    if scale == "categorical":
        values = fields["values"]
        if not isinstance(values, list) or not values:
            raise UserError(f"{where}: values must be a list with at least one value")
        axis = Hyperparameter(name, scale, None, None, tuple(values), fields["default"])
    else:
        axis = Hyperparameter(name, scale, fields["min"], fields["max"], (), fields["default"])
        _check_range(where, scale, fields["min"], fields["max"])
    axis.accept(fields["default"], where)
    return axis


def _check_range(where: str, scale: str, low: Any, high: Any) -> None:
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(f"{where}: min and max must be numbers, not {value!r}")
    if low > high:
        raise UserError(f"{where}: min {low} is above max {high}")
    if scale == "log" and low <= 0:
        raise UserError(f"{where}: on a log scale min must be above 0, not {low}")
    if scale == "one_minus_log" and high >= 1:
        raise UserError(f"{where}: on the scale one_minus_log max must be below 1, not {high}")
    if scale == "integer" and (low != int(low) or high != int(high)):
        raise UserError(f"{where}: min and max of an integer must be whole numbers")
