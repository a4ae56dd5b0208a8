"""The trials below some folders, read from disk without trusting a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.base.files import file_sha256
from harness.errors import UserError
from harness.ledger.paths import TrialPaths
from harness.ledger.record import Record, read_record
from harness.ledger.rows import Row, read_rows, torn
from harness.ledger.signature import Contents, Standing, contents_of, standing
from harness.ledger.spec import TrialSpec, read_spec
from harness.ledger.walk import Part, find_parts


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial that has ended, and what its files say."""

    files: TrialPaths
    spec: TrialSpec
    record: Record
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """Where it lies in its ledger."""
        return self.files.place

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.files.folder

    @property
    def ledger(self) -> Path:
        """The ledger that it lies in."""
        return self.files.ledger


@dataclass
class Found:
    """What lies below the folders, ledger by ledger: ended trials, those that cannot be read (with why), and folders without a record."""

    parts: list[Part]
    trials: list[Trial] = field(default_factory=list)
    damaged: dict[Path, list[str]] = field(default_factory=dict)
    unfinished: list[Path] = field(default_factory=list)

    def contents(self, part: Part) -> Contents:
        """Returns what there is to sign in (a part of) a ledger."""
        records = {trial: TrialPaths(Path(part.ledger, trial)).record for trial in part.trials}
        return contents_of(Path(part.ledger), {trial: file_sha256(record) for trial, record in records.items() if record.exists()})

    def standing(self, part: Part) -> Standing:
        """Returns how the signature of (a part of) a ledger stands to what is in it."""
        return standing(Path(part.ledger), self.contents(part), part.asks_for)


def find(paths: Sequence[Path]) -> Found:
    """Reads every trial at or below the given folders, each once.

    Raises:
        UserError: a folder is not there, or holds no trial.
    """
    for path in paths:
        if not path.is_dir():
            raise UserError(f"no folder {path}")
    found = Found(find_parts(paths))
    for part in found.parts:
        for trial in part.trials:
            _read(Path(part.ledger, trial), found)
    return found


def _read(folder: Path, found: Found) -> None:
    paths = TrialPaths(folder)
    if not paths.record.exists():
        found.unfinished.append(folder)
        return
    problems: list[str] = []
    spec: TrialSpec | None = None
    record: Record | None = None
    try:
        spec = read_spec(paths.spec)
    except UserError as error:
        problems.append(str(error) if paths.spec.exists() else "there is a record.json but no spec.json")
    try:
        record = read_record(folder)
    except UserError as error:
        problems.append(str(error))
    rows = read_rows(paths.rows)
    if problem := torn(paths.rows, len(rows)):
        problems.append(problem)
    if spec is None or record is None or problems:
        found.damaged[folder] = problems
    else:
        found.trials.append(Trial(files=paths, spec=spec, record=record, rows=rows))
