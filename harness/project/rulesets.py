"""Rulesets: how a submission is tuned, how often it is run, and what budget it has. They are data: configs/ruleset/*.yaml."""

from dataclasses import dataclass
from typing import Literal

from harness.errors import UserError

Racing = Literal["time", "steps", "cpu_time", "off"]
"""The clock of the board that trials are stopped for when they can no longer change it; `off`: none is."""


@dataclass(frozen=True)
class Ruleset:
    """`studies` tuning processes of `trials` runs each; the budget is the workload's times `budget_factor`.

    `points` says where the hyperparameters come from: `search` draws each trial its own from the submission's search space, `default` takes
    the space's default point. A submission's folder may take `source_bytes` as `tar | xz -9`.

    Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", section 4.4.
    """

    name: str
    studies: int
    trials: int
    budget_factor: float
    points: Literal["search", "default"]
    source_bytes: int = 16 << 10

    def __post_init__(self) -> None:
        where = f"ruleset {self.name}"
        for name in ("studies", "trials", "source_bytes"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise UserError(f"{where}: {name} must be a whole number of at least 1, not {getattr(self, name)!r}")
        if isinstance(self.budget_factor, bool) or not isinstance(self.budget_factor, int | float) or not 0 < self.budget_factor < 1000:
            raise UserError(f"{where}: budget_factor must be a number above 0, not {self.budget_factor!r}")
        if self.points not in ("search", "default"):
            raise UserError(f"{where}: points is search or default, not {self.points!r}")
        if self.points == "default" and self.trials > 1:
            raise UserError(f"{where}: {self.trials} trials of one default point are the same trial; points: search, or trials: 1")
