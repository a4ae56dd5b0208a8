"""Each trial as a run of Weights & Biases: what is logged, and when, is in docs/logging.md.

All is written by the referee's process while the trial's clock stands. wandb starts a process of its own; that is done before the runner
is started, so that the runner's tree (`harness.trial.processes.Tree`) does not contain it: it is neither frozen nor killed nor counted.
"""

import hashlib
import json
import netrc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from harness.base.files import write_atomically
from harness.ledger.paths import TrialPaths
from harness.ledger.record import Record
from harness.ledger.rows import Row, read_rows
from harness.ledger.spec import TrialSpec
from harness.trial.callback import TrialCallback

PROJECT = "finishline"
SERVER = "https://api.wandb.ai"
INIT_S, FINISH_S = 30.0, 60.0
"""How long the server is waited for before a trial and after it."""
FLUSH_S = 0.05
"""When a row is on disk after it was logged; wandb's own 15 s would be lost with a referee that is killed."""
SUMMARY = ("verdict", "reason", "time_s", "cpu_time_s", "steps", "best_metric", "wall_s", "startup_s", "evaluation_s", "checkpoint_s")
LAST = "last_step"
"""The file beside wandb's own that holds the step of the last row logged: nothing is logged twice when a trial is gone on with."""


class WandbCallback(TrialCallback):
    """Logs trials of one ledger to wandb. Whatever goes wrong there is told in one line and leaves the trial alone.

    Args:
        ledger: the folder that the trials lie in; a trial's run is kept below the trial's own folder.
        warn: is told in one line what went wrong.
    """

    def __init__(self, ledger: Path, warn: Callable[[str], None]) -> None:
        self._ledger, self._warn = ledger, warn
        self._mode = os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")
        self._run: Any = None
        self._last_step = -1

    def on_start(self, spec: TrialSpec) -> None:
        """Opens the trial's run, or takes it up again, and logs what rows there are already."""
        with self._harmless():
            self._finish(exit_code=1)
            folder = spec.folder(self._ledger)
            self._last = folder / "wandb" / LAST
            self._last.parent.mkdir(exist_ok=True)
            self._last_step = _read_step(self._last)
            self._run = self._open(spec, folder)
            for row in read_rows(TrialPaths(folder).rows):
                self._log(row)

    def on_progress(self, step: int, time_s: float) -> None:
        """Nothing: the clock runs."""

    def on_evaluation(self, row: Row) -> None:
        """Logs an evaluation."""
        with self._harmless():
            self._log(row)

    def on_end(self, record: Record, folder: Path) -> None:
        """Logs the verdict and closes the run."""
        with self._harmless():
            if self._run is not None:
                self._run.summary.update({name: getattr(record, name) for name in SUMMARY})
                self._run.summary["test_metric"] = record.reached.test_metric if record.reached else None
                self._finish(exit_code=int(record.may_go_on))

    def close(self) -> None:
        """Closes the run of an interrupted trial and ends wandb's process."""
        with self._harmless():
            self._finish(exit_code=1)
        with self._harmless():
            self._end_process()

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._run = None
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self._warn(f"wandb failed, this trial is in the ledger alone from here on ({why})")

    def _open(self, spec: TrialSpec, folder: Path) -> Any:
        try:
            return _init(spec, folder, self._ledger.name, self._mode)
        except Exception as error:
            if self._mode != "online":
                raise
            self._mode = "offline"
            why = " ".join(f"{type(error).__name__}: {error}".split())
            self._warn(f"wandb could not be reached, its runs are kept for `wandb sync` ({why})")
            self._end_process()  # in which the run that could not be opened is still open
            return _init(spec, folder, self._ledger.name, self._mode)

    def _log(self, row: Row) -> None:
        if self._run is not None and row.step > self._last_step:
            values = {name: value for name, value in asdict(row).items() if value is not None and name != "step"}
            self._run.log(values, step=row.step, commit=True)
            self._last_step = row.step
            write_atomically(self._last, f"{row.step}\n")

    def _end_process(self) -> None:
        import wandb

        wandb.teardown()

    def _finish(self, exit_code: int) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish(exit_code=exit_code)


def run_id(spec: TrialSpec, ledger: str) -> str:
    """Returns the id of a trial's run: the same whenever the trial is gone on with, another for any other trial or ledger's name."""
    trial = [ledger, spec.campaign, spec.submission, spec.source_hash, spec.workload.id, spec.study, spec.trial, spec.seed, dict(spec.hp)]
    return hashlib.sha256(json.dumps(trial, sort_keys=True).encode()).hexdigest()[:16]


def has_key() -> bool:
    """Whether there is a key for wandb's server: in WANDB_API_KEY or in the netrc file. The key itself is not kept."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", SERVER)).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC", Path.home() / ".netrc")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _init(spec: TrialSpec, folder: Path, ledger: str, mode: str) -> Any:
    import wandb

    # nothing that runs by itself: no system metrics, no capture of what is printed, no look at git
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_save_requirements=False,
        x_transaction_log_flush_interval=FLUSH_S,
        init_timeout=INIT_S,
        finish_timeout=FINISH_S,
        finish_timeout_raises=True,
    )
    wandb.setup(settings)
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=run_id(spec, ledger),
        resume="allow",
        name=f"{spec.submission} {spec.workload.id} study {spec.study} trial {spec.trial}"[:128],
        group=ledger[:128],
        job_type=spec.submission[:64],
        tags=[spec.workload.id[:64], spec.ruleset[:64]],
        config=msgspec.to_builtins(spec),
        allow_val_change=True,
        dir=folder,
        mode=mode,  # type: ignore[arg-type]
        settings=settings,
    )


def _read_step(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return -1
