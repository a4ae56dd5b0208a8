"""A trial's folder in the ledger: opened for a first run or a resume, closed with a record."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UserError
from harness.files import write_atomically
from harness.ledger.chain import genesis
from harness.ledger.record import (
    CHARGED,
    RESUMABLE,
    Probe,
    Record,
    Row,
    Segment,
    append_row,
    last_chain,
    read_rows,
    rewrite_rows,
    unchained,
    write_record,
)
from harness.ledger.spec import TrialSpec, read_spec
from harness.machine.hardware import Machine
from harness.trial.checkpoint import CheckpointStore
from harness.trial.clock import Reading
from harness.trial.source import copy_folder, hash_folder

ATTEMPTS = "attempts.jsonl"


@dataclass(frozen=True)
class _Start:
    """The beginning of a segment, as segments.json keeps it."""

    host: str
    device: str
    started_at: str
    first_evaluation: int
    from_time_s: float
    probe: float | None = None
    speed_deviation: float | None = None


class TrialFolder:
    """The files of one trial, as docs/ledger.md describes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path / "source"
        self.log = path / "log.txt"
        self.rows = path / "evals.csv"
        self.checkpoints = CheckpointStore(path / "checkpoint")

    def open(self, spec: TrialSpec, machine: Machine) -> None:
        """Makes the folder, or takes an unfinished one up again.

        Raises:
            UserError: it cannot be written, it holds another trial, one of another kind of machine or one whose rows were changed, or the
                submission breaks the rules of `hash_folder` or is not the one that the spec names.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / "spec.json").exists():
                self.must_be(spec)
                self._must_be_on(machine)
                if unchained(self.rows) is not None:
                    raise UserError(f"{self.rows} was changed since it was written: remove the trial's folder, and it is run again")
            else:
                shutil.rmtree(self.source, ignore_errors=True)
                copy_folder(Path(spec.submission_path), self.source)
                if hash_folder(self.source) != spec.source_hash:
                    raise UserError(f"{spec.submission_path} changed while the trial was being set up: start it again")
                write_atomically(self.path / "environment.json", json.dumps(machine.to_json(), indent=1) + "\n")
                write_atomically(self.path / "spec.json", json.dumps(spec.to_json(), indent=1) + "\n")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror}): choose another out=") from None

    def _must_be_on(self, machine: Machine) -> None:
        began = json.loads((self.path / "environment.json").read_text())["fingerprint"]
        if began != machine.fingerprint:
            raise UserError(f"{self.path} began on '{began}', and this machine is '{machine.fingerprint}': its seconds are not the same")

    def append(self, row: Row) -> None:
        """Adds an evaluation."""
        append_row(self.rows, row)

    def hashes(self) -> dict[str, str]:
        """Returns what binds a record to its spec and to the rows so far, by the record's names."""
        return {"spec_sha256": genesis(self.path / "spec.json"), "chain": last_chain(self.rows)}

    def reopen(self) -> None:
        """Moves the record of a trial that will be gone on with to the list of its earlier attempts."""
        record = self.path / "record.json"
        if record.exists():
            attempts = self.path / ATTEMPTS
            lines = attempts.read_text() if attempts.exists() else ""
            write_atomically(attempts, f"{lines}{json.dumps(json.loads(record.read_text()))}\n")  # defence: a failed attempt is kept
            record.unlink()

    def failed_at(self) -> Reading | None:
        """Returns the clock's reading when the runner last failed by itself, or None if it never did."""
        try:
            lines = (self.path / ATTEMPTS).read_text().splitlines()
        except FileNotFoundError:
            return None
        failures = [attempt for attempt in map(json.loads, lines) if attempt["verdict"] in CHARGED]
        return Reading(**{f.name: failures[-1][f.name] for f in fields(Reading)}) if failures else None

    def begin_segment(self, machine: Machine, probe: Probe, evaluations: int, from_time_s: float) -> list[Row]:
        """Notes that this process takes the trial on from here; keeps so many rows, which it returns, and drops those to be made again."""
        rows = read_rows(self.rows)[:evaluations]
        rewrite_rows(self.rows, rows)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        start = _Start(machine.host, machine.fingerprint, now, len(rows), from_time_s, probe.speed, probe.off)
        starts = [*(s for s in self._starts() if s.from_time_s <= from_time_s), start]
        write_atomically(self.path / "segments.json", json.dumps([asdict(s) for s in starts], indent=1) + "\n")
        return rows

    def segments(self, time_s: float) -> tuple[Segment, ...]:
        """Returns who put how many of the `time_s` seconds on the clock."""
        starts = self._starts()
        ends = [*(s.from_time_s for s in starts[1:]), time_s][: len(starts)]
        return tuple(
            Segment(s.host, s.device, s.started_at, s.first_evaluation, end - s.from_time_s, s.probe, s.speed_deviation)
            for s, end in zip(starts, ends, strict=True)
        )

    def keep_weights(self, weights: str) -> str:
        """Keeps the weights that met the target; returns their sha256."""
        target = self.path / "target.safetensors"
        temporary = target.with_suffix(".part")
        shutil.copyfile(weights, temporary)
        temporary.rename(target)
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self, record: Record) -> None:
        """Writes the record and removes what only an unfinished trial needs."""
        write_record(self.path, record)
        if record.verdict not in RESUMABLE:
            self.checkpoints.clear()
            (self.path / "segments.json").unlink(missing_ok=True)

    def _starts(self) -> list[_Start]:
        try:
            return [_Start(**values) for values in json.loads((self.path / "segments.json").read_text())]
        except FileNotFoundError:
            return []

    def must_be(self, spec: TrialSpec) -> None:
        """Raises UserError when the folder is of another trial; where things are read from may differ."""
        there = read_spec(self.path / "spec.json")
        ours, theirs = spec.to_json(), there.to_json()
        different = sorted(name for name in ours if json.dumps(ours[name]) != json.dumps(theirs[name]) and not name.endswith("_path"))
        if different:
            raise UserError(f"{self.path} holds another trial (it differs in {', '.join(different)}): choose another out=")
