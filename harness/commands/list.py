"""finishline list: the workloads and submissions of the project. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.project.project import Project
from harness.project.space import read_space


def main(arguments: Sequence[str], root: Path) -> int:
    """Prints a line for each workload and each submission; takes no arguments."""
    if arguments:
        raise UserError(f"list: takes no options, not '{arguments[0]}'")
    project = Project(root)
    workloads = [("workload", "metric", "target", "test target", "budget", "steps", "task")]
    for config in map(project.workload, project.workload_ids()):
        relation = config.direction.relation
        budget, steps = f"{config.budget_s:g} s", f"{config.step_hint} of {config.reference_batch}"
        workloads.append(
            (config.id, config.metric, f"{relation} {config.target:g}", f"{relation} {config.test_target:g}", budget, steps, config.task)
        )
    submissions = [("submission", "hyperparameters and their defaults")]
    for name in project.submission_names():
        axes = read_space(project.submission_folder(name)).axes
        submissions.append((name, " ".join(f"{axis.name}={axis.default}" for axis in axes)))
    for table in (workloads, submissions):
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        print()
    return 0
