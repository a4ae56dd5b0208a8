"""finishline check: what is wrong with a submission, before any GPU is used. Imports no torch, and nothing of the submission."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.text import Text
from yaml import YAMLError

from harness.check.finding import Finding
from harness.check.folder import check_space
from harness.check.lint import lint
from harness.check.trial_run import trial_run
from harness.errors import UserError
from harness.project.config import read_ruleset
from harness.project.project import Project
from harness.trial.packages import must_be_installed
from harness.trial.source import weigh_folder

RULESET = "self"
COLOURS = {"error": "red", "warning": "yellow"}


def main(arguments: Sequence[str], root: Path) -> int:
    """Prints the size of the folder and what was found, one line each; returns 1 when a rule is broken, else 0."""
    names = [text for text in arguments if "=" not in text]
    if len(names) != 1:
        raise UserError("check: give one submission, by its name below submissions/ or its folder")
    project, console = Project(root), Console(highlight=False)
    folder = project.submission_folder(names[0])
    given = _hyperparameters([text for text in arguments if "=" in text and not text.startswith("ruleset=")])
    chosen = [text.partition("=")[2] for text in arguments if text.startswith("ruleset=")]
    ruleset = read_ruleset(project.configs, chosen[-1] if chosen else RULESET)
    must_be_installed(folder)
    try:
        _, size = weigh_folder(folder, ruleset)
    except UserError as error:
        console.print(Text(str(Finding("error", ".", 0, str(error), "mend it first")), style=COLOURS["error"]), soft_wrap=True)
        return 1
    console.print(
        f"{folder.name}: {size} of the {ruleset.source_bytes} bytes that ruleset {ruleset.name} allows (tar | xz -9)", soft_wrap=True
    )
    found = lint(folder)
    space, _ = check_space(folder)
    if space is not None:
        found += trial_run(folder, space.point(given))
    for finding in sorted(found, key=lambda finding: finding.level):
        console.print(Text(str(finding), style=COLOURS[finding.level]), soft_wrap=True)
    errors = sum(finding.level == "error" for finding in found)
    looks = len(found) - errors
    words = f"{errors} {'error' if errors == 1 else 'errors'}, {looks} to look at" if found else "nothing found"
    console.print(f"{folder.name}: {words}", soft_wrap=True)
    return 1 if errors else 0


def _hyperparameters(arguments: Sequence[str]) -> dict[str, Any]:
    """Returns NAME -> value for each `hp.NAME=VALUE`."""
    for text in arguments:
        if not text.startswith("hp."):
            raise UserError(f"check: no option '{text.partition('=')[0]}'; options are ruleset=NAME and hp.NAME=VALUE")
    try:
        content: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(arguments)))
    except (OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"check: {' '.join(str(error).split())}") from None
    values: dict[str, Any] = content.get("hp", {})
    return values
