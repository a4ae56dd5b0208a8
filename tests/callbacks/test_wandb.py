"""log=wandb, offline for real: what wandb has written is read back and compared with the ledger."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import psutil
import pytest

from benchmarks.kill import is_runner, toy_spec, words_of
from harness.base.output import new_console
from harness.callbacks.callback_list import CallbackList, with_callbacks
from harness.callbacks.display import Display
from harness.callbacks.wandb import WandbCallback, has_key, run_id
from harness.cli import PROJECT, main
from harness.ledger.reading import write_json
from harness.ledger.record import read_record
from harness.ledger.rows import read_rows
from harness.ledger.spec import TrialSpec, read_spec
from harness.trial.cgroup import PREFIX
from harness.trial.referee import run_trial
from tests.callbacks.offline import read_runs
from tests.conftest import Silent, World
from tests.test_cli import project  # noqa: F401
from tests.trial.test_resume import KilledAt

OWN = {"_step", "_runtime", "_timestamp"}


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.chdir(tmp_path)


class Warnings(list[str]):
    """Keeps the lines that a watcher says."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def warnings() -> Warnings:
    return Warnings()


@pytest.fixture
def wandb(world: World, warnings: Warnings) -> Iterator[WandbCallback]:
    callback = WandbCallback(world.root / "ledger", warnings)
    yield callback
    callback.close()


def logged(folder: Path) -> list[tuple[int, dict[str, object]]]:
    """The rows of all runs of a trial: step and values."""
    return [(row["_step"], {k: v for k, v in row.items() if k not in OWN}) for run in read_runs(folder) for row in run.rows]


def in_ledger(folder: Path) -> list[tuple[int, dict[str, object]]]:
    rows = [dataclasses.asdict(row) for row in read_rows(folder / "evals.csv")]
    return [(row["step"], {k: v for k, v in row.items() if k != "step" and v is not None}) for row in rows]


def test_a_run_has_the_rows_of_the_ledger(world: World, wandb: WandbCallback, warnings: Warnings) -> None:
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    before = set(world.root.iterdir())
    record = run_trial(spec, folder, world.cache, wandb)
    wandb.close()
    assert warnings == []
    assert record.verdict == "reached"
    (run,) = read_runs(folder)
    assert len(run.rows) > 2
    assert logged(folder) == in_ledger(folder)
    assert (run.group, run.job_type, run.tags) == ("ledger", "toy_sgd", ["toy/cpu", "self"])
    assert {name: value for name, value in run.config.items() if name != "_wandb"} == msgspec.to_builtins(read_spec(folder / "spec.json"))
    assert run.summary["verdict"] == "reached"
    assert run.summary["reason"] == record.reason
    assert run.summary["time_s"] == record.time_s
    assert run.summary["test_metric"] == record.reached.test_metric
    assert run.exit_code == 0
    assert {path.name for path in set(world.root.iterdir()) - before} == {"ledger"}


@pytest.mark.parametrize("stop", ["interrupted", "killed"])
def test_a_resumed_trial_continues_its_run(world: World, wandb: WandbCallback, warnings: Warnings, stop: str) -> None:
    spec = toy_spec(world, "none")
    folder = spec.folder(world.root / "ledger")
    if stop == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            run_trial(spec, folder, world.cache, CallbackList([wandb, KilledAt(3)]))
        wandb.close()
    else:
        run_trial_in_a_process_that_kills_itself(spec, folder, world)
    first = len(logged(folder))
    assert first == 4
    assert run_trial(spec, folder, world.cache, wandb).verdict == "missed"
    wandb.close()
    assert warnings == []
    runs = read_runs(folder)
    assert [run.id for run in runs] == [run_id(spec, "ledger")] * 2
    rows, ledger = logged(folder), in_ledger(folder)
    assert [step for step, _ in rows] == [step for step, _ in ledger]
    # the last row before the interruption was made twice and logged the first time: its metric is the same, its times are not
    assert [v["valid_metric"] for _, v in rows] == [v["valid_metric"] for _, v in ledger]
    assert rows[:3] + rows[4:] == ledger[:3] + ledger[4:]
    assert "verdict" not in runs[0].summary
    assert runs[1].summary["verdict"] == "missed"


def run_trial_in_a_process_that_kills_itself(spec: TrialSpec, folder: Path, world: World) -> None:
    write_json(world.root / "spec.json", spec)
    code = """
import os, signal, sys, time
from pathlib import Path
from harness.callbacks.wandb import WandbCallback
from harness.callbacks.callback_list import CallbackList
from harness.trial.referee import run_trial
from harness.ledger.spec import read_spec
from tests.trial.test_resume import KilledAt
class Killed(KilledAt):
    def on_evaluation(self, row):
        if row.evaluation == self.evaluation:
            time.sleep(1)  # many times what wandb takes to write a row
            os.kill(os.getpid(), signal.SIGKILL)
spec, folder, ledger, cache = map(Path, sys.argv[1:])
run_trial(read_spec(spec), folder, cache, CallbackList([WandbCallback(ledger, print), Killed(3)]))
"""
    paths = map(str, (world.root / "spec.json", folder, world.root / "ledger", world.cache))
    outcome = subprocess.run([sys.executable, "-c", code, *paths], env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=False)
    assert outcome.returncode == -signal.SIGKILL


def test_rows_from_before_wandb_was_asked_for_are_logged_too(world: World, wandb: WandbCallback) -> None:
    spec = toy_spec(world, "none")
    folder = spec.folder(world.root / "ledger")
    with pytest.raises(KeyboardInterrupt):
        run_trial(spec, folder, world.cache, KilledAt(3))
    run_trial(spec, folder, world.cache, wandb)
    wandb.close()
    assert [step for step, _ in logged(folder)] == [step for step, _ in in_ledger(folder)]


def children() -> dict[str, psutil.Process]:
    """The living children of this process that are of interest: wandb's and the runner. Earlier tests may have left others."""
    named = {"runner": is_runner, "wandb": lambda p: any("wandb" in word for word in words_of(p) or ())}
    return {name: p for p in psutil.Process().children() for name, is_it in named.items() if is_it(p)}


class Looks(Silent):
    """Notes at each evaluation which children of the referee are stopped, or in the control group that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.stands: list[dict[str, bool]] = []

    def on_evaluation(self, row: object) -> None:
        self.stands.append({name: stands(process) for name, process in children().items()})


def stands(process: psutil.Process) -> bool:
    group = Path(f"/proc/{process.pid}/cgroup").read_text()
    return f"/{PREFIX}" in group or process.status() == psutil.STATUS_STOPPED


def test_wandbs_process_is_not_of_the_runners_tree(world: World, wandb: WandbCallback) -> None:
    spec = world.spec(target=0.05, sandbox="bwrap")
    looks = Looks()
    record = run_trial(spec, spec.folder(world.root / "ledger"), world.cache, CallbackList([wandb, looks]))
    assert record.verdict == "reached"
    assert len(looks.stands) > 2
    assert all(stands == {"runner": True, "wandb": False} for stands in looks.stands)
    service = children()["wandb"]
    assert service.is_running()
    wandb.close()
    assert not service.is_running()


class KillsWandb(Silent):
    def on_evaluation(self, row: object) -> None:
        super().on_evaluation(row)
        if len(self.rows) == 2:
            service = children()["wandb"]
            service.kill()
            service.wait()


def test_a_trial_outlives_wandb(world: World, wandb: WandbCallback, warnings: Warnings) -> None:
    spec = world.spec(target=0.05)
    record = run_trial(spec, spec.folder(world.root / "ledger"), world.cache, CallbackList([KillsWandb(), wandb]))
    assert record.verdict == "reached"
    assert len(warnings) == 1
    assert warnings[0].startswith("wandb failed, this trial is in the ledger alone from here on (")


def test_where_wandb_cannot_write_the_trial_is_unharmed(world: World, wandb: WandbCallback, warnings: Warnings) -> None:
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    folder.mkdir(parents=True)
    (folder / "wandb").write_text("in the way")
    record = run_trial(spec, folder, world.cache, wandb)
    assert record.verdict == "reached"
    assert read_record(folder) == record
    assert len(warnings) == 1
    assert "FileExistsError" in warnings[0]


def test_the_warning_is_one_line_as_it_was_said(world: World, tmp_path: Path) -> None:
    spec = world.spec(target=0.05)
    folder = spec.folder(tmp_path / "[/led]ger")
    folder.mkdir(parents=True)
    (folder / "wandb").write_text("in the way")
    told = StringIO()
    console = new_console(file=told, width=20)
    with with_callbacks(Display(console), "wandb", tmp_path / "[/led]ger", console) as callback:
        callback.on_start(spec)
    (line,) = [line for line in told.getvalue().splitlines() if line.startswith("wandb")]
    assert str(folder / "wandb") in line


def test_without_a_server_the_run_is_kept_offline(
    world: World, warnings: Warnings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("harness.callbacks.wandb.INIT_S", 1.0)
    spec = world.spec(target=0.05)
    folder = spec.folder(world.root / "ledger")
    callback = WandbCallback(world.root / "ledger", warnings)
    record = run_trial(spec, folder, world.cache, callback)
    callback.close()
    assert record.verdict == "reached"
    assert len(warnings) == 1
    assert "0000" not in warnings[0]
    assert capfd.readouterr().err == ""
    assert warnings[0].startswith("wandb could not be reached, its runs are kept for `wandb sync` (")
    assert logged(folder) == in_ledger(folder)


def test_a_key_is_looked_for_where_wandb_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not has_key()
    (tmp_path / "keys").write_text("machine api.wandb.ai login user password nothing\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "keys"))
    assert has_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://elsewhere.example")
    assert not has_key()
    monkeypatch.setenv("WANDB_API_KEY", "nothing")
    assert has_key()


def test_every_trial_has_an_id_of_its_own(world: World) -> None:
    spec = world.spec()
    others = [dataclasses.replace(spec, **change) for change in ({"seed": 2}, {"study": 2}, {"trial": 2}, {"hp": {"learning_rate": 1.0}})]
    ids = {run_id(spec, "one"), run_id(spec, "two"), *(run_id(other, "one") for other in others)}
    assert len(ids) == 6
    moved = dataclasses.replace(spec, submission_path="/elsewhere", workload_path="/elsewhere")
    assert run_id(moved, "one") == run_id(spec, "one")


def test_wandb_is_imported_only_when_asked_for() -> None:
    code = "import sys, harness.commands.run, harness.commands.launch, harness.callbacks.callback_list; print('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT).stdout.strip() == "False"


def test_the_command_line_logs_and_leaves_nothing_where_it_was_started(
    project: World,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = set(project.root.iterdir())
    assert main(["launch", "submissions=[quick]", "workloads=[toy/cpu]", "studies=2", "out=new", "log=wandb"], project.root) == 0
    assert set(project.root.iterdir()) - before == {project.root / "new"}
    folders = sorted((project.root / "new").glob("*/*/study_*/trial_*"))
    assert len(folders) == 2
    for folder in folders:
        (run,) = read_runs(folder)
        assert run.group == "new"
        assert logged(folder) == in_ledger(folder)
    assert "wandb" not in children()
    assert capfd.readouterr().err == ""
