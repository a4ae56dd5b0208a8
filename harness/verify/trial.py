"""The trials below some folders, read from disk without trusting a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.ledger.record import HEADER, Record, Row, read_record, read_rows
from harness.ledger.signature import Contents, Standing, contents_of, file_sha256, standing
from harness.ledger.spec import TrialSpec, read_spec
from harness.ledger.walk import Part, find_parts


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
    """What lies below the folders, ledger by ledger: ended trials, those that cannot be read (with why), and folders without a record."""

    parts: list[Part]
    trials: list[Trial] = field(default_factory=list)
    damaged: dict[Path, list[str]] = field(default_factory=dict)
    unfinished: list[Path] = field(default_factory=list)

    def contents(self, part: Part) -> Contents:
        """Returns what there is to sign in (a part of) a ledger."""
        records = {trial: file_sha256(Path(part.ledger, trial, "record.json")) for trial in part.trials}
        return contents_of(Path(part.ledger), {trial: digest for trial, digest in records.items() if digest is not None})

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
    if not (folder / "record.json").exists():
        found.unfinished.append(folder)
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
        record = read_record(folder)
    except (UserError, OSError) as error:
        problems.append(str(error))
    rows = read_rows(folder / "evals.csv")
    problems += _torn(folder / "evals.csv", len(rows))
    if spec is None or record is None or problems:
        found.damaged[folder] = problems
    else:
        found.trials.append(Trial(folder, ledger_of(folder), spec, record, rows))


def _torn(path: Path, rows: int) -> Iterator[str]:
    """Yields what is not a row: an ended trial has none of these."""
    lines = path.read_bytes().decode(errors="replace").split("\n") if path.exists() else []
    if lines and lines[0] != HEADER:
        yield "evals.csv: the header is not that of a ledger"
    if lines and (len(lines) - 2 != rows or lines[-1]):
        yield f"evals.csv: line {rows + 2} is not a row"


def ledger_of(folder: Path) -> Path:
    """Returns the ledger that a trial's folder lies in: <ledger>/<submission>/<workload>/study_<k>/trial_<i>."""
    return folder.parents[3]
