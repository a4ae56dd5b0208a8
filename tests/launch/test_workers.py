"""Several job processes on one machine: each trial once, Ctrl-C ends all, mistakes are told."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.cli import main
from tests.conftest import World
from tests.test_cli import project

__all__ = ["project"]
LAUNCH = ["launch", "workloads=[toy/cpu]", "studies=2", "out=ledger", "launcher=local", "launcher.workers=2", "racing=off"]
ENDLESS = "def step(self, batch):\n    __import__('time').sleep(0.02)\n"
COMMAND = "import sys; from pathlib import Path; from harness.cli import main; sys.exit(main(sys.argv[2:], Path(sys.argv[1])))"


def records(root: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((root / "ledger").rglob("record.json"))]


def test_two_workers_share_the_trials(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LAUNCH, "submissions=[quick,slow]"], project.root) == 0
    out = capsys.readouterr().out
    assert "4 trials, 4 to run" in out
    assert "4 trials in" in out
    found = records(project.root)
    assert sorted(r["verdict"] for r in found) == ["missed", "missed", "reached", "reached"]
    assert all(len(r["segments"]) == 1 for r in found)
    assert not list((project.root / "ledger").rglob("attempts.jsonl"))
    assert not (project.root / "ledger" / "jobs").exists()


def processes_of(root: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(root) in " ".join(p.info["cmdline"] or ())]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_none_outlives_the_launch(project: World, number: int) -> None:
    project.submission(ENDLESS, "endless")
    words = [sys.executable, "-c", COMMAND, str(project.root), *LAUNCH, "submissions=[endless]"]
    launched = subprocess.Popen(words, cwd=project.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    rows = []
    while len(rows) < 2 and launched.poll() is None:
        rows = [path for path in (project.root / "ledger").rglob("evals.csv") if len(path.read_text().splitlines()) > 1]
        time.sleep(0.1)
    launched.send_signal(number)
    error = launched.communicate()[1]
    if number == signal.SIGINT:
        assert "goes on from the last checkpoint" in error
        assert not list((project.root / "ledger").rglob("lock.json"))
        assert not (project.root / "ledger" / "jobs").exists()
    else:
        psutil.wait_procs(processes_of(project.root))
    assert processes_of(project.root) == []
    assert records(project.root) == []
    assert len([path for path in (project.root / "ledger").rglob("evals.csv") if path.read_text().count("\n") > 1]) >= 2


def test_a_workers_mistake_is_told(project: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "file").write_text("")
    monkeypatch.setenv("FINISHLINE_CACHE", str(project.root / "file"))
    assert main([*LAUNCH, "submissions=[quick]"], project.root) == 2
    error = capfd.readouterr().err
    assert "the data cache" in error
    assert "2 of 2 workers ended with an error" in error
