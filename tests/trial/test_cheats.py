"""Every submission of tests/cheats gets the outcome that its docstring names, or has gained nothing.

A docstring's first line says what the cheat tries; the others what must come of it:

    outcome: VERDICT: words of the reason      the referee's verdict
    outcome: no gain                           rows and weights are bitwise those of the honest twin, and nothing printed STOLE
    hides: SECONDS                             so many seconds that it tried to hide are on the clock
    evaluations: slow                          each takes long enough to be noticed by what should stand still meanwhile
    without the sandbox: steals                in sandbox=none the same code prints STOLE: what stops it is the sandbox alone
    again: it is resumed                       it crashes, is started again, and this is what comes of that
    needs: cuda

A submission that comes back better from a resume without hiding it is in test_resume.py.
"""

import ast
import os
import signal
import socket
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil
import pytest
import torch

from benchmarks.defences import DEFENCES
from harness.data import data_folder
from harness.errors import UserError
from harness.trial import referee, runner_process, sandbox
from harness.trial.record import read_rows
from harness.trial.referee import Patience, run_trial
from harness.trial.source import hash_folder
from tests.conftest import SGD, TOY_WORKLOAD, Outcome, Silent, World

CHEATS = Path(__file__).parents[1] / "cheats"
QUICK = Patience(startup_s=60.0, write_s=10.0, answer_s=1.0)
LIMIT_S = 60
GIBIBYTE = (1 << 30) / psutil.virtual_memory().total
SIXTEEN_MEBIBYTE = GIBIBYTE / 64
SMALL = {
    "one_allocation": [(referee, "MEMORY_SHARE", GIBIBYTE)],
    "many_children": [(referee, "MEMORY_SHARE", GIBIBYTE), (referee, "WATCH_S", 0.2)],
    "fill_scratch": [(runner_process, "SCRATCH_SHARE", 1e-4), (referee, "WATCH_S", 0.2)],
    "many_files": [(runner_process, "SCRATCH_FILES", 1000), (referee, "WATCH_S", 0.2)],
    "fill_tmp": [(sandbox, "TMPFS_SHARE", SIXTEEN_MEBIBYTE)],
    "print": [(runner_process, "LOG_BYTES", 1 << 20)],
}
"""Limits that are made small for a cheat, so that going beyond them does the machine no harm."""


@dataclass(frozen=True)
class Expected:
    """What a docstring says."""

    verdict: str
    words: str
    hidden_s: float
    slow_evaluations: bool
    needs_sandbox: bool
    again: bool
    needs_cuda: bool


def expected(name: str) -> Expected:
    docstring = ast.get_docstring(ast.parse((CHEATS / f"{name}.py").read_text()))
    lines = dict(line.split(": ", 1) for line in docstring.splitlines()[1:] if ": " in line)
    verdict, _, words = lines.pop("outcome").partition(": ")
    told = Expected(
        verdict=verdict,
        words=words,
        hidden_s=float(lines.pop("hides", 0)),
        slow_evaluations=lines.pop("evaluations", "") == "slow",
        needs_sandbox=lines.pop("without the sandbox", "") == "steals",
        again=lines.pop("again", "") == "it is resumed",
        needs_cuda=lines.pop("needs", "") == "cuda",
    )
    assert not lines, f"{name}: what is {lines}?"
    return told


ALL = {path.stem: expected(path.stem) for path in sorted(CHEATS.glob("*.py"))}


@pytest.fixture(autouse=True)
def _no_test_hangs() -> Iterator[None]:
    def hangs(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"the referee let itself be held up for {LIMIT_S} s")

    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)


@pytest.fixture
def world(world: World) -> World:
    """The toy world, its model with a dropout layer and with a constant."""
    changes = {
        "self.linear = nn.Linear(8, 1)": "self.linear, self.dropout = nn.Linear(8, 1), nn.Dropout(0.1)",
        'self.register_buffer("seen"': 'self.register_buffer("scale", torch.ones(8), persistent=False); self.register_buffer("seen"',
        "self.linear(nn.functional.dropout(x, 0.1, self.training))": "self.linear(self.dropout(x * self.scale))",
    }
    text = TOY_WORKLOAD
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (world.root / "workloads" / "toy" / "workload.py").write_text(text)
    return world


@pytest.fixture(scope="module")
def twins() -> dict[float, tuple[object, ...]]:
    return {}


@pytest.fixture
def twin(world: World, twins: dict[str, tuple[object, ...]]) -> tuple[object, ...]:
    """What the honest submission comes to."""
    if "honest" not in twins:
        twins["honest"] = result(world.run(SGD, out="twin", target=0.035))
    return twins["honest"]


def result(outcome: Outcome) -> tuple[object, ...]:
    rows = [(r.step, r.examples, r.valid_metric, r.valid_loss) for r in read_rows(outcome.folder / "evals.csv")]
    return outcome.record.verdict, outcome.record.weights_sha256, tuple(rows)


def run(world: World, name: str, mode: str = "bwrap", **changes: object) -> Outcome:
    """Runs a cheat that has been told all that an attacker could find out: paths, process ids, ports."""
    slow = {"data": {"evaluation_sleeps_s": 0.5}} if ALL[name].slow_evaluations else {}
    settings = {"target": 0.035, "sandbox": mode, "budget_s": 1.0 if ALL[name].verdict == "timed_out" else 60.0, **slow, **changes}
    code = (CHEATS / f"{name}.py").read_text().split('"""', 2)[2].lstrip()
    other = world.root / "other"
    other.mkdir(exist_ok=True)
    for file in ("target.safetensors", "weights.safetensors", "state.pt"):
        (other / file).write_bytes(b"the weights of another trial")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = world.spec(code, **settings)
        known = {
            "learning_rate": 0.02,
            "data": str(data_folder(spec.workload, world.cache)),
            "trial": str(spec.folder(world.root / "ledger")),
            "other": str(other / "target.safetensors"),
            "other_folder": str(other),
            "referee": os.getpid(),
            "port": listener.getsockname()[1],
        }
        if ALL[name].again:
            assert world.run(code, hp=known, patience=QUICK, **settings).record.verdict == "crashed"
        return world.run(code, hp=known, patience=QUICK, **settings)


def log(outcome: Outcome) -> str:
    return (outcome.folder / "log.txt").read_text()


@pytest.mark.parametrize("name", ALL)
def test_a_cheat_comes_to_nothing(world: World, twin: tuple[object, ...], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = ALL[name]
    if told.needs_cuda and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    for owner, limit, value in SMALL.get(name, []):
        monkeypatch.setattr(owner, limit, value)
    outcome = run(world, name)
    record = outcome.record
    assert "STOLE" not in log(outcome), log(outcome)
    assert len(log(outcome)) < runner_process.LOG_BYTES + 1000
    assert record.sandbox == "bwrap"
    if told.verdict != "no gain":
        assert record.verdict == told.verdict, record.reason
        assert told.words in record.reason, record.reason
        return
    assert result(outcome) == twin, record.reason
    assert ("BLOCKED" in log(outcome)) == ("BLOCKED" in (CHEATS / f"{name}.py").read_text())
    assert record.time_s >= told.hidden_s


@pytest.mark.parametrize("name", [name for name, told in ALL.items() if told.needs_sandbox])
def test_without_the_sandbox_it_steals_and_the_record_says_that_there_was_none(world: World, name: str) -> None:
    outcome = run(world, name, mode="none")
    assert "STOLE" in log(outcome)
    assert outcome.record.sandbox == "none"


def test_every_cheat_says_what_it_tries() -> None:
    assert len(ALL) >= 25
    for name in ALL:
        first = ast.get_docstring(ast.parse((CHEATS / f"{name}.py").read_text())).splitlines()[0]
        assert first.endswith(".")


def test_work_between_a_pause_and_the_freeze_is_counted(world: World) -> None:
    """A thread spins while a state is saved that takes a little while, too little to be put on the clock."""
    code = """
        def setup(self):
            import threading
            super().setup()
            threading.Thread(target=self.spin, daemon=True).start()

        def spin(self):
            while True:
                pass

        def state_dict(self):
            __import__("time").sleep(0.04)
            return super().state_dict()
    """
    quiet = world.run(textwrap.dedent(code).replace("while True:\n        pass", "pass"), out="quiet", target=0.035).record
    spins = world.run(code, target=0.035).record
    assert spins.frozen_cpu_s >= quiet.frozen_cpu_s + 0.02 * (spins.last.evaluation + 1)


def test_waiting_for_a_slow_disk_is_not_on_the_clock(world: World) -> None:
    """What takes no CPU seconds between pause and freeze is no work of the submission's."""
    record = world.run("def state_dict(self):\n    __import__('time').sleep(0.5)\n    return super().state_dict()\n", target=0.035).record
    assert record.verdict == "reached"
    assert record.checkpoint_s >= 2 > record.time_s


def test_an_infinite_metric_meets_no_target(world: World) -> None:
    workload = world.root / "workloads" / "toy" / "workload.py"
    workload.write_text(workload.read_text().replace("Evaluation(metric=loss,", "Evaluation(metric=-float('inf'),"))
    assert world.run().record.verdict == "diverged"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("weights.safetensors", b"0", "may hold files that end in .py"),
        ("weights.txt", b"0" * (257 << 10), "holds more than 256 KiB"),
        ("link.txt", None, "is a link or a special file"),
    ],
)
def test_a_submission_is_text_that_somebody_can_read(world: World, name: str, content: bytes | None, words: str) -> None:
    folder = world.submission()
    spec = world.spec()
    if content is None:
        (folder / name).symlink_to("/etc/passwd")
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        hash_folder(folder)
    with pytest.raises(UserError, match=words):
        run_trial(spec, world.root / "trial", world.cache, Silent())


def test_all_that_the_benchmark_of_the_defences_takes_away_is_there() -> None:
    code = sandbox.PROJECT / "harness" / "trial"
    assert [defence.name for defence in DEFENCES if (code / defence.file).read_text().count(defence.text) != 1] == []
