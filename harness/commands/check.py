"""finishline check: what is wrong with a submission or a workload, before any GPU is used. Imports nothing of the submission."""

from rich.console import Console
from rich.text import Text

from harness.base.output import new_console
from harness.check.finding import Finding
from harness.check.folder import check_space
from harness.check.lint import lint
from harness.check.trial_run import trial_run
from harness.commands.options import CheckOptions
from harness.errors import UserError
from harness.project.project import Project
from harness.trial.packages import must_be_installed
from harness.trial.source import weigh_folder

COLOURS = {"error": "red", "warning": "yellow"}


def main(given: CheckOptions, project: Project) -> int:
    """Prints the size of the folder and what was found, one line each; returns 1 when a rule is broken, else 0."""
    console = new_console()
    if given.target in project.workload_ids():
        return _check_workload(given, project, console)
    folder = project.submission_folder(given.target)
    must_be_installed(folder)
    try:
        _, size = weigh_folder(folder, given.ruleset)
    except UserError as error:
        _print(console, Finding("error", ".", 0, str(error), "mend it first"))
        return 1
    console.print(
        f"{folder.name}: {size} of the {given.ruleset.source_bytes} bytes that ruleset {given.ruleset.name} allows (tar | xz -9)",
        soft_wrap=True,
    )
    found = lint(folder)
    space, _ = check_space(folder)
    if space is not None:
        found += trial_run(folder, space.point(given.hp))
    return _report(console, folder.name, found)


def _check_workload(given: CheckOptions, project: Project, console: Console) -> int:
    from harness.check.workload import check_workload  # imports torch

    return _report(console, given.target, check_workload(project, given.target))


def _report(console: Console, name: str, found: list[Finding]) -> int:
    for finding in sorted(found, key=lambda finding: finding.level):
        _print(console, finding)
    errors = sum(finding.level == "error" for finding in found)
    looks = len(found) - errors
    words = f"{errors} {'error' if errors == 1 else 'errors'}, {looks} to look at" if found else "nothing found"
    console.print(f"{name}: {words}", soft_wrap=True)
    return 1 if errors else 0


def _print(console: Console, finding: Finding) -> None:
    console.print(Text(str(finding), style=COLOURS[finding.level]), soft_wrap=True)
