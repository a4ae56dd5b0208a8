"""Every submission of tests/cheats gets the outcome that its docstring names, or has gained nothing.

A docstring's first line says what the cheat tries; the others what must come of it:

    outcome: VERDICT: WORDS of the reason   the referee's verdict
    outcome: no gain                        rows and weights are bitwise those of the honest twin
    outcome: blocked                        no gain, and what it tried was refused: it printed BLOCKED
    by signals: OUTCOME                     the same where no control group can be made and processes are stopped by signals; no sandbox
    by signals in bwrap: OUTCOME            the same with the sandbox
    sandbox: none                           nothing needs to be hidden from it; bwrap where this line is missing
    burns: SECONDS                          it works so long at least, says how long (BURNT), and all of it is on the clock
    evaluations: slow                       each takes so much work that one sees whether something goes on meanwhile
    evaluations: rare, paced                many examples lie between two; paced: at least `spacing_s` seconds, too; no target
    checkpoints: always                     one falls due after every evaluation
    first: VERDICT                          it ends so, is started again, and the outcome is that of the second start
    before: another                         another trial of the same submission was run before
    without the sandbox: steals             the same code prints STOLE in sandbox=none: what stops it is the sandbox alone
    needs: cuda, the closed sandbox         a GPU; a sandbox that filters system calls

Nothing of any of them may print STOLE, or be seen to run while the clock stands.
"""

import ast
import fcntl
import os
import re
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import get_args

import psutil
import pytest
import torch

import harness
from benchmarks.defences import NOTICED_BY, defences, without
from harness.data import data_folder
from harness.ledger.record import Record, Verdict
from harness.ledger.rows import read_rows
from harness.trial import pacing, referee, runner_process, sandbox, session
from harness.trial.cgroup import delegated
from harness.trial.messages import MAX_REASON
from harness.trial.session import Timeouts
from tests.conftest import SGD, TOY_WORKLOAD, Outcome, World

CHEATS = Path(__file__).parents[1] / "cheats"
KIT = CHEATS.with_name("cheat_kit.py")
QUICK = Timeouts(startup_s=60.0, answer_s=1.0)
LIMIT_S = 300
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
"""The resolution of the processor times in /proc."""
GIBIBYTE = (1 << 30) / psutil.virtual_memory().total
SMALL = {
    "one_allocation": [(referee, "MEMORY_SHARE", GIBIBYTE)],
    "many_children": [(referee, "MEMORY_SHARE", GIBIBYTE), (session, "WATCH_PERIOD_S", 0.2)],
    "fill_tmp": [(sandbox, "TMPFS_SHARE", (16 << 20) / psutil.virtual_memory().available)],
    "print": [(runner_process, "LOG_BYTES", 1 << 20)],
}
"""Limits that are made small for a cheat, so that going beyond them does the machine no harm."""
EVALUATIONS: dict[str, dict[str, object]] = {
    "": {},
    "slow": {"data": {"evaluation_works_s": 0.1}},
    "rare": {"evaluate_every": 16 * 10**5},
    "paced": {"evaluate_every": 16 * 500, "target": 1e-9},
}


@dataclass(frozen=True)
class Case:
    """A cheat, what it is run in, and what must come of it."""

    name: str
    sandbox: str
    control_group: bool
    outcome: str

    def __str__(self) -> str:
        return self.name if self.control_group else f"{self.name}-signals-{self.sandbox}"


@dataclass(frozen=True)
class Expected:
    """What a docstring says."""

    cases: tuple[Case, ...]
    burns_s: float
    evaluations: str
    checkpoints_always: bool
    first: str
    after_another: bool
    needs_sandbox: bool
    needs: str


def expected(name: str) -> Expected:
    docstring = ast.get_docstring(ast.parse((CHEATS / f"{name}.py").read_text()))
    first, *others = docstring.splitlines()
    assert first.endswith("."), f"{name} says nothing"
    lines = dict(line.split(": ", 1) for line in others if line)
    cases = [Case(name, lines.pop("sandbox", "bwrap"), True, lines.pop("outcome"))]
    for line, box in {"by signals": "none", "by signals in bwrap": "bwrap"}.items():
        if line in lines:
            cases.append(Case(name, box, False, lines.pop(line)))
    told = Expected(
        cases=tuple(cases) if delegated() or len(cases) == 1 else tuple(cases[1:]),
        burns_s=float(lines.pop("burns", 0)),
        evaluations=lines.pop("evaluations", ""),
        checkpoints_always=lines.pop("checkpoints", "") == "always",
        first=lines.pop("first", ""),
        after_another=lines.pop("before", "") == "another",
        needs_sandbox=lines.pop("without the sandbox", "") == "steals",
        needs=lines.pop("needs", ""),
    )
    assert not lines, f"{name}: what is {lines}?"
    return told


ALL = {path.stem: expected(path.stem) for path in sorted(CHEATS.glob("*.py"))}
CASES = [case for told in ALL.values() if told.needs != "cuda" or torch.cuda.is_available() for case in told.cases]


@pytest.fixture(autouse=True)
def _no_test_hangs() -> Iterator[None]:
    def hangs(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"the referee let itself be held up for {LIMIT_S} s")

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
def twins() -> list[Outcome]:
    return []


@pytest.fixture
def twin(world: World, twins: list[Outcome]) -> Outcome:
    """What the honest submission comes to."""
    if not twins:
        twins.append(world.run(SGD, out="twin", target=0.035))
    return twins[0]


def result(outcome: Outcome) -> tuple[object, ...]:
    rows = [(r.step, r.examples, r.valid_metric, r.valid_loss) for r in read_rows(outcome.folder / "evals.csv")]
    return outcome.record.verdict, outcome.record.weights_sha256, tuple(rows)


def source(name: str) -> str:
    """Returns a cheat as one file, without what it says of itself."""
    code, kit = (path.read_text().split('"""', 2)[2].lstrip() for path in (CHEATS / f"{name}.py", KIT))
    return re.sub(r"^from tests\.cheat_kit import .*$", lambda _: kit, code, count=1, flags=re.MULTILINE)


def run(world: World, name: str, mode: str) -> Outcome:
    """Runs a cheat that has been told all that an attacker could find out: paths, process ids, ports."""
    told, code = ALL[name], source(name)
    settings = {
        "target": 0.035,
        "sandbox": mode,
        "budget_s": 1.0 if told.first == "timed_out" else 60.0,
        **EVALUATIONS[told.evaluations],
    }
    if told.checkpoints_always:
        settings["checkpoint_period_s"] = 0.0
    other = world.root / "other.safetensors"
    other.write_bytes(b"the weights of another trial")
    here, abstract = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    with here, abstract, open(harness.__file__) as shown:
        abstract.bind(f"\0{other}"[:100])
        abstract.listen()
        fcntl.flock(shown, fcntl.LOCK_SH)
        spec = world.spec(code, **settings)
        settings["timeouts"] = QUICK
        settings["hp"] = {
            "learning_rate": 0.02,
            "data": str(data_folder(spec.workload, world.cache)),
            "trial": str(spec.folder(world.root / "ledger")),
            "other": str(other),
            "referee": os.getpid(),
            "port": here.getsockname()[1],
        }
        if told.after_another:
            world.run(code, trial=2, seed=2, **settings)
        if told.first:
            record = world.run(code, **settings).record
            assert record.verdict == told.first, record.reason
        return world.run(code, **settings)


def log(outcome: Outcome) -> str:
    return (outcome.folder / "log.txt").read_text()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_cheat_comes_to_nothing(world: World, twin: Outcome, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    told = ALL[case.name]
    spacings = []
    monkeypatch.setattr(referee, "spacing_s", lambda *given: spacings.append(pacing.spacing_s(*given)) or spacings[-1])
    if not case.control_group:
        monkeypatch.setattr(runner_process, "delegated", lambda: None)
    for owner, limit, value in SMALL.get(case.name, []):
        monkeypatch.setattr(owner, limit, value)
    outcome = run(world, case.name, case.sandbox)
    record, printed = outcome.record, log(outcome)
    assert "STOLE" not in printed, printed
    assert len(printed) < runner_process.LOG_BYTES + 1000
    assert record.sandbox == case.sandbox
    assert record.reason.isprintable()
    assert len(record.reason) <= MAX_REASON
    if case.outcome in ("no gain", "blocked"):
        assert result(outcome) == result(twin), record.reason
        assert ("BLOCKED" in printed) == (case.outcome == "blocked"), printed
    else:
        verdict, words = case.outcome.split(": ", 1)
        assert record.verdict == verdict, record.reason
        assert words in record.reason, record.reason
    all_of_it_is_on_the_clock(record, twin.record, printed, told.burns_s)
    if told.evaluations == "paced":
        rows = read_rows(outcome.folder / "evals.csv")[:-1]  # the last one is the end, whenever that is
        assert len(rows) > 1
        assert all(later.time_s - sooner.time_s >= spacings[-1] for sooner, later in pairwise(rows))


def all_of_it_is_on_the_clock(record: Record, twin: Record, printed: str, burns_s: float) -> None:
    """What a cheat says of the time for which it held a processor was counted; without an attempt to do two things at once."""
    burnt_s = sum(map(float, re.findall(r"BURNT (\S+)", printed)))
    lasted_s = sum(map(float, re.findall(r"LASTED (\S+)", printed)))
    assert burnt_s >= burns_s - 1e-9
    if record.verdict != "rejected":
        assert record.time_s >= max(burnt_s, lasted_s)
        assert record.cpu_time_s >= burnt_s
    if record.verdict == "reached":  # after the end of a budget it may run on, for nothing
        assert record.frozen_cpu_s == pytest.approx(twin.frozen_cpu_s, abs=TICK_S)


@pytest.mark.parametrize("name", [name for name, told in ALL.items() if told.needs_sandbox])
def test_without_the_sandbox_it_steals_and_the_record_says_that_there_was_none(world: World, name: str) -> None:
    outcome = run(world, name, mode="none")
    assert "STOLE" in log(outcome)
    assert outcome.record.sandbox == "none"


def test_every_outcome_is_one_that_there_is() -> None:
    for told in ALL.values():
        for case in told.cases:
            assert case.outcome in ("no gain", "blocked") or case.outcome.split(": ")[0] in get_args(Verdict), case


def test_an_infinite_metric_meets_no_target(world: World) -> None:
    workload = world.root / "workloads" / "toy" / "workload.py"
    workload.write_text(workload.read_text().replace("Evaluation(metric=loss,", "Evaluation(metric=-float('inf'),"))
    assert world.run().record.verdict == "diverged"


def test_every_defence_is_marked_in_the_code_and_has_tests_that_notice() -> None:
    found = defences()
    assert sorted(found) == sorted(NOTICED_BY)
    for defence in found.values():
        text = defence.file.read_text()
        assert without(text, defence.line) != text
        ast.parse(without(text, defence.line))
