"""The static part: every Python file of the folder is read, none is run."""

from pathlib import Path

from harness.check.finding import Finding
from harness.check.folder import check_files, check_hyperparameters, check_length, check_space
from harness.check.hooks import misspelt_hooks
from harness.check.identity import identity
from harness.check.names import imports, references
from harness.check.source import Source, parse
from harness.check.start import start
from harness.check.waits import waits
from harness.check.writes import writes
from harness.trial.packages import importable
from harness.trial.source import all_files, files

RULES = (references, writes, identity, start, waits, misspelt_hooks)


def lint(folder: Path) -> list[Finding]:
    """Returns what a reader would find in a submission's folder and in the modules that it shares with others; each thing once.

    Raises:
        UserError: its requirements.txt is wrong.
    """
    found = list(check_files(folder))
    sources: list[Source] = []
    own = {path.relative_to(folder).as_posix() for path in files(folder)}
    for name, path in all_files(folder).items():
        if path.suffix != ".py":
            continue
        try:
            sources.append(parse(name, path.read_text(encoding="utf-8-sig")))
        except SyntaxError as error:
            found.append(Finding("error", name, error.lineno or 0, f"is not Python: {error.msg}", "mend it first"))
        except ValueError as error:
            found.append(Finding("error", name, 0, f"is not Python: {error}", "mend it first"))
    declared = importable(folder)
    for source in sources:
        found += [finding for rule in RULES for finding in rule(source)]
        found += imports(source, declared)
        if source.file == "submission.py":
            found += check_length(source)
    space, wrong = check_space(folder)
    found += wrong
    if space is not None and sources:
        found += check_hyperparameters(space, sources, own)
    return sorted(set(found), key=lambda finding: (finding.file, finding.line, finding.level, finding.what))
