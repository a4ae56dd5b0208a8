"""The trials below some folders, read from disk without trusting a file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.trial.record import COLUMNS, Record, Row, read_record, read_rows
from harness.trial.spec import SCHEMA, TrialSpec, read_spec


@dataclass(frozen=True)
class Trial:
    """One ended trial: its folder, the ledger that it lies in, and what its files say."""

    folder: Path
    ledger: Path
    spec: TrialSpec
    record: Record
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """Where it lies in its ledger."""
        return self.folder.relative_to(self.ledger).as_posix()


@dataclass
class Found:
    """What lies below the folders: ended trials, those that cannot be read (with why), and how many have not ended."""

    trials: list[Trial] = field(default_factory=list)
    damaged: dict[Path, list[str]] = field(default_factory=dict)
    unfinished: int = 0


def find(paths: Sequence[Path]) -> Found:
    """Reads every trial at or below the given folders, each once.

    Raises:
        UserError: a folder is not there, or holds no trial.
    """
    found = Found()
    seen: set[Path] = set()
    for path in paths:
        if not path.is_dir():
            raise UserError(f"verify: no folder {path}")
        folders = set(_folders(path.resolve()))
        if not folders:
            raise UserError(f"{path}: no trial in it (study_*/trial_*/); give the folder of a campaign")
        for folder in sorted(folders - seen):
            _read(folder, found)
        seen |= folders
    return found


def _folders(path: Path) -> Iterator[Path]:
    if path.name.startswith("trial_"):
        yield path
    else:
        for folder in path.rglob("trial_*"):
            inside = any(part.startswith("trial_") for part in folder.relative_to(path).parts[:-1])
            if folder.is_dir() and folder.parent.name.startswith("study_") and not inside:
                yield folder


def _read(folder: Path, found: Found) -> None:
    if not (folder / "record.json").exists():
        found.unfinished += 1
        return
    problems: list[str] = []
    spec: TrialSpec | None = None
    record: Record | None = None
    try:
        spec = read_spec(folder / "spec.json")
    except (UserError, TypeError, AttributeError) as error:
        missing = not (folder / "spec.json").exists()
        problems.append("there is a record.json but no spec.json" if missing else str(error))
    try:
        schema = json.loads((folder / "record.json").read_text()).get("schema")
        if schema != SCHEMA:
            problems.append(f"record.json: schema {schema!r}, but this finishline reads {SCHEMA}")
        else:
            record = read_record(folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        problems.append(f"record.json cannot be read ({type(error).__name__}: {error})")
    rows = read_rows(folder / "evals.csv")
    problems += _torn(folder / "evals.csv", len(rows))
    if spec is None or record is None or problems:
        found.damaged[folder] = problems
    else:
        found.trials.append(Trial(folder, ledger_of(folder), spec, record, rows))


def _torn(path: Path, rows: int) -> Iterator[str]:
    """Yields what is not a row: an ended trial has none of these."""
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    if lines and lines[0] != ",".join(COLUMNS):
        yield "evals.csv: the header is not that of a ledger"
    if lines and (len(lines) - 2 != rows or lines[-1]):
        yield f"evals.csv: line {rows + 2} is not a row"


def ledger_of(folder: Path) -> Path:
    """Returns the ledger that a trial's folder lies in: <ledger>/<submission>/<workload>/study_<k>/trial_<i>."""
    return folder.parents[3]
