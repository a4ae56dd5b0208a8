"""A trial's folder in the ledger: opened for a first run or a resume, closed with a record."""

import shutil
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

from harness.base.files import file_sha256
from harness.errors import UserError
from harness.ledger.chain import genesis
from harness.ledger.paths import TrialPaths
from harness.ledger.reading import write_json
from harness.ledger.record import Probe, Record, Segment, keep_attempt, read_attempts, write_record
from harness.ledger.rows import Row, append_row, first_unchained, last_chain, read_rows, rewrite_rows
from harness.ledger.segments import Environment, Start, read_environment, read_starts, write_environment, write_starts
from harness.ledger.spec import TrialSpec, read_spec
from harness.machine.hardware import Machine
from harness.trial.checkpoint import CheckpointStore
from harness.trial.clock import Reading
from harness.trial.packages import imported_versions
from harness.trial.source import copy_folder, hash_folder


class TrialFolder:
    """The files of one trial, as docs/ledger.md describes them."""

    def __init__(self, path: Path) -> None:
        self.path, self._files = path, TrialPaths(path)
        self.source, self.log = self._files.source, self._files.log
        self.checkpoints = CheckpointStore(self._files.checkpoints)

    def open(self, spec: TrialSpec, machine: Machine) -> None:
        """Makes the folder, or takes an unfinished one up again.

        Raises:
            UserError: it cannot be written, it holds another trial, one of another kind of machine or one whose rows were changed, or the
                submission breaks the rules of `hash_folder` or is not the one that the spec names.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self._files.spec.exists():
                self.must_be(spec)
                self._must_be_on(machine)
                if first_unchained(self._files.rows) is not None:
                    raise UserError(f"{self._files.rows} was changed since it was written: remove the trial's folder, and it is run again")
            else:
                shutil.rmtree(self.source, ignore_errors=True)
                copy_folder(Path(spec.submission_path), self.source)
                if hash_folder(self.source) != spec.source_hash:
                    raise UserError(f"{spec.submission_path} changed while the trial was being set up: start it again")
                there = {**asdict(machine), "packages": {**machine.packages, **imported_versions(self.source)}}
                write_environment(self.path, Environment(fingerprint=machine.fingerprint, **there))
                write_json(self._files.spec, spec)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror}): choose another out=") from None

    def _must_be_on(self, machine: Machine) -> None:
        began = read_environment(self.path)
        if began is None or began.fingerprint != machine.fingerprint:
            where = f"'{began.fingerprint}'" if began else "a machine that environment.json no longer names"
            raise UserError(f"{self.path} began on {where}, and this machine is '{machine.fingerprint}': its seconds are not the same")

    def append(self, row: Row) -> None:
        """Adds an evaluation."""
        append_row(self._files.rows, row)

    def hashes(self) -> dict[str, str]:
        """Returns what binds a record to its spec and to the rows so far, by the record's names."""
        return {"spec_sha256": genesis(self._files.spec), "chain": last_chain(self._files.rows)}

    def reopen(self) -> None:
        """Moves the record of a trial that will be gone on with to the list of its earlier attempts."""
        keep_attempt(self.path)

    def failed_at(self) -> Reading | None:
        """Returns the clock's reading when the runner last failed by itself, or None if it never did."""
        failures = [attempt for attempt in read_attempts(self.path) if attempt.failed]
        return Reading(**{field.name: getattr(failures[-1], field.name) for field in fields(Reading)}) if failures else None

    def begin_segment(self, machine: Machine, probe: Probe, evaluations: int, from_time_s: float) -> list[Row]:
        """Notes that this process takes the trial on from here; keeps so many rows, which it returns, and drops those to be made again."""
        rows = read_rows(self._files.rows)[:evaluations]
        rewrite_rows(self._files.rows, rows)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        start = Start(
            host=machine.host,
            device=machine.fingerprint,
            started_at=now,
            first_evaluation=len(rows),
            from_time_s=from_time_s,
            probe=probe.speed,
            speed_deviation=probe.deviation,
        )
        write_starts(self.path, [*(s for s in read_starts(self.path) if s.from_time_s <= from_time_s), start])
        return rows

    def segments(self, time_s: float) -> tuple[Segment, ...]:
        """Returns who put how many of the `time_s` seconds on the clock."""
        starts = read_starts(self.path)
        ends = [*(s.from_time_s for s in starts[1:]), time_s][: len(starts)]
        return tuple(
            Segment(
                host=start.host,
                device=start.device,
                started_at=start.started_at,
                first_evaluation=start.first_evaluation,
                time_s=end - start.from_time_s,
                probe=start.probe,
                speed_deviation=start.speed_deviation,
            )
            for start, end in zip(starts, ends, strict=True)
        )

    def keep_weights(self, weights: str) -> str:
        """Keeps the weights that reached the target; returns their sha256."""
        target = self._files.weights
        temporary = target.with_suffix(".part")
        shutil.copyfile(weights, temporary)
        temporary.rename(target)
        return file_sha256(target)

    def close(self, record: Record) -> None:
        """Writes the record and removes what only an unfinished trial needs."""
        write_record(self.path, record)
        if not record.may_go_on:
            self.checkpoints.clear()
            self._files.segments.unlink(missing_ok=True)

    def must_be(self, spec: TrialSpec) -> None:
        """Raises UserError when the folder is of another trial; where things are read from may differ."""
        if different := read_spec(self._files.spec).differences(spec):
            raise UserError(f"{self.path} holds another trial (it differs in {', '.join(different)}): choose another out=")
