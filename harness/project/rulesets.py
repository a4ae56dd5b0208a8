"""Rulesets: how a submission is tuned, how often it is run, and what budget it has. They are data: configs/ruleset/*.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from harness.errors import UserError
from harness.project.compose import compose, must_be_a_choice
from harness.project.fields import checked
from harness.project.yaml_file import YamlFile
from harness.values.declare import declared
from harness.values.kinds import Named, Number, OneOf, Whole, Wrong, shown

Racing = Literal["time", "steps", "cpu_time", "off"]
"""The clock of the board that trials are stopped for when they can no longer change it; `off`: none is."""
MAX_STUDIES = 1000
MAX_TRIALS = 1000


@dataclass(frozen=True)
class Ruleset:
    """`studies` tuning processes of `trials` runs each; the budget is the workload's times `budget_factor`.

    `points` says where the hyperparameters come from: `search` draws each trial its own from the submission's search space, `default` takes
    the space's default point. A submission's folder may take `source_bytes` as `tar | xz -9`.

    Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", section 4.4.
    """

    name: Annotated[str, Named("a name", form=r".+"), "the file's name"]
    studies: Annotated[int, Whole(1, MAX_STUDIES), "tuning processes of a submission"]
    trials: Annotated[int, Whole(1, MAX_TRIALS), "runs of each study"]
    budget_factor: Annotated[float, Number(above=0, below=1000), "times the workload's budget"]
    points: Annotated[Literal["search", "default"], OneOf(("search", "default")), "where hyperparameters come from"]
    source_bytes: Annotated[int, Whole(1, 1 << 30), "of a submission's folder as tar | xz -9"] = 16 << 10

    def __post_init__(self) -> None:
        for option in declared(Ruleset).values():
            try:
                option.kind.check(getattr(self, option.name))
            except Wrong as error:
                raise UserError(f"ruleset {self.name}: {option.name} {error}") from None
        if self.points == "default" and self.trials > 1:
            raise UserError(
                f"ruleset {self.name}: {self.trials} trials of one default point are the same trial; points: search, or trials: 1"
            )

    def changed(self, values: Mapping[str, Any]) -> "Ruleset":
        """Returns this ruleset with other values, under a name that says so: `self+budget_factor=3`."""
        different = {name: value for name, value in values.items() if value != getattr(self, name)}
        marks = [f"+{name}={value:g}" if isinstance(value, float) else f"+{name}={value}" for name, value in sorted(different.items())]
        return Ruleset(**{**self.__dict__, **different, "name": self.name + "".join(marks)}) if different else self


def read_ruleset(configs: Path, name: str) -> Ruleset:
    """Returns a ruleset by its name.

    Raises:
        UserError: there is none (the nearest is suggested), or its file is wrong.
    """
    file, content = compose(configs, f"ruleset/{must_be_a_choice(configs, 'ruleset', name)}")
    return ruleset_from(file, content)


def ruleset_from(file: YamlFile, content: Mapping[str, Any]) -> Ruleset:
    """Returns the ruleset that a file describes.

    Raises:
        UserError: a field is unknown, missing or not of its kind, or the ruleset is called otherwise than the file.
    """
    values = checked(Ruleset, file, content, "the ruleset")
    if values["name"] != file.path.stem:
        raise UserError(f"{file.at('name')}: name is {shown(values['name'])}, and a ruleset is called as its file: {file.path.stem}")
    try:
        return Ruleset(**values)
    except UserError as error:
        raise UserError(f"{file.path}: {error}") from None
