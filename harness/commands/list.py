"""finishline list: what the project has, and which of its files are broken. Imports no torch."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.commands.options import ListOptions
from harness.errors import UserError
from harness.launch.launcher import read_launcher
from harness.machine.calibration import read_calibration
from harness.project.compose import choices_of, compose
from harness.project.project import Project
from harness.project.rulesets import read_ruleset
from harness.project.space import read_space
from harness.values.declare import declared

Row = tuple[str, ...]


def main(given: ListOptions, project: Project) -> int:
    """Prints a line for each workload, submission, ruleset, launcher and machine; a broken file is listed with the reason."""
    configs = project.configs
    _print(
        ("workload", "metric", "target", "test target", "budget", "steps", "task"),
        _rows(project.workload_ids(), lambda name: _workload(project, name), project.root),
    )
    _print(
        ("submission", "hyperparameters and their defaults"),
        _rows(project.submission_names(), lambda name: _submission(project, name), project.root),
    )
    rulesets = _rows(choices_of(configs, "ruleset"), lambda name: _ruleset(project, name), project.root)
    _print(("ruleset", "studies", "trials", "budget", "points"), rulesets)
    _print(("launcher", "fields"), _rows(choices_of(configs, "launcher"), lambda name: _launcher(project, name), project.root))
    hardware = _rows(choices_of(configs, "hardware"), lambda name: (read_calibration(project.hardware, name).fingerprint,), project.root)
    if hardware:
        _print(("hardware", "machine"), hardware)
    return 0


def _workload(project: Project, name: str) -> Row:
    config = project.workload(name)
    sign = "<=" if config.direction == "minimize" else ">="
    budget, steps = f"{config.budget_s:g} s", f"{config.step_hint} of {config.reference_batch}"
    return config.metric, f"{sign} {config.target:g}", f"{sign} {config.test_target:g}", budget, steps, config.task


def _submission(project: Project, name: str) -> Row:
    axes = read_space(project.submission_folder(name)).axes
    return (" ".join(f"{axis.name}={axis.default}" for axis in axes),)


def _ruleset(project: Project, name: str) -> Row:
    ruleset = read_ruleset(project.configs, name)
    return str(ruleset.studies), str(ruleset.trials), f"{ruleset.budget_factor:g} x", ruleset.points


def _launcher(project: Project, name: str) -> Row:
    launcher = read_launcher(*compose(project.configs, f"launcher/{name}"))
    return (" ".join(declared(type(launcher))),)


def _rows(names: Iterable[str], row: Callable[[str], Row], root: Path) -> list[Row]:
    """Returns a row for each name, and a short one for what is broken."""
    rows = []
    for name in names:
        try:
            rows.append((name, *row(name)))
        except UserError as error:
            rows.append((name, f"BROKEN: {str(error).replace(f'{root}/', '')}"))
    return rows


def _print(head: Row, rows: Sequence[Row]) -> None:
    whole = [row for row in (head, *rows) if len(row) == len(head) and not row[1].startswith("BROKEN")]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    widths[0] = max(widths[0], *(len(row[0]) for row in rows), 0) if rows else widths[0]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
    print()
