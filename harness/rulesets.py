"""Rulesets: how a submission is tuned, how often it is run, and what budget it has. They are data: configs/ruleset/*.yaml."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ruleset:
    """`studies` tuning processes of `trials` runs each; the budget is the workload's times `budget_factor`.

    Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", section 4.4.
    """

    name: str
    studies: int
    trials: int
    budget_factor: float
