"""Every submission of tests/cheats gets the outcome that its docstring names, or has gained nothing.

A docstring's first line says what the cheat tries; the others what must come of it:

    outcome: VERDICT: WORDS of the reason   the referee's verdict
    outcome: no gain                        rows and weights are bitwise those of the honest twin
    outcome: blocked                        no gain, and what it tried was refused: it printed BLOCKED
    by signals: OUTCOME                     the same where no control group can be made and processes are stopped by signals; no sandbox
    by signals in bwrap: OUTCOME            the same with the sandbox
    sandbox: none                           nothing needs to be hidden from it; bwrap where this line is missing
    burns: SECONDS                          it works so long at least, says how long (BURNT), and all of it is on the clock
    evaluations: slow                       each takes so long that one sees whether something goes on meanwhile
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
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import get_args

import psutil
import pytest
import sympy
import torch

import harness
from benchmarks.defences import NOTICED_BY, defences, without
from harness.data import data_folder
from harness.errors import UserError
from harness.trial import pacing, referee, runner_process, sandbox, session
from harness.trial.cgroup import delegated
from harness.trial.messages import MAX_REASON
from harness.trial.record import Record, Verdict, read_rows
from harness.trial.referee import run_trial
from harness.trial.sandbox import View
from harness.trial.session import Timeouts
from harness.trial.source import hash_folder
from tests.conftest import SGD, TOY_WORKLOAD, Outcome, Silent, World
from workloads.lm.data import held_out_files

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
    "fill_tmp": [(sandbox, "TMP_BYTES", 16 << 20)],
    "print": [(runner_process, "LOG_BYTES", 1 << 20)],
}
"""Limits that are made small for a cheat, so that going beyond them does the machine no harm."""
EVALUATIONS: dict[str, dict[str, object]] = {
    "": {},
    "slow": {"data": {"evaluation_sleeps_s": 0.5}},
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
    settings = {"target": 0.035, "sandbox": mode, "budget_s": 1.0 if told.first == "timed_out" else 60.0, **EVALUATIONS[told.evaluations]}
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
            assert "STOLE" not in log(world.run(code, trial=2, seed=2, **settings))
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
    assert burnt_s >= burns_s
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


def probe(tmp_path: Path, code: str, workload: str, veiled: Sequence[Path]) -> str:
    """Returns what a program prints that is run in a runner's place."""
    for folder in ("source", "data/train", "data/valid", "scratch", "cache"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    view = View(tmp_path / "source", tmp_path / "data", tmp_path / "scratch", None, sandbox.PROJECT / "workloads" / workload, veiled)
    box = sandbox.build("bwrap", view, tmp_path / "cache")
    (tmp_path / "scratch" / "probe.py").write_text(textwrap.dedent(code))
    command = [*box.command, sys.executable, "probe.py"]
    done = subprocess.run(command, env=runner_process.environment(1), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_project_below_tmp_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Path(tempfile.mkdtemp(dir="/tmp"))
    (shown / "python").write_text("is here")
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(shown)))
    assert probe(tmp_path, f"print(open('{shown}/python').read())", "lm", ()) == "is here\n"


GENERATORS = """
    import importlib.util, os, sys
    assert importlib.util.find_spec("workloads.NAME.workload")
    for name in ("workloads.NAME.data", "workloads.glyph_data"):
        found = importlib.util.find_spec(name)
        if found and open(found.origin).read():
            print("can be read", found.origin)
    for folder, folders, files in os.walk("/finishline/data"):
        print(*folders)
"""


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("workload", ["lm", "vit", "resnet", "click"])
def test_the_modules_that_make_held_out_data_are_not_there(
    tmp_path: Path, workload: str, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the whole project lies in a folder that every runner is shown, as site-packages are."""
    if installed:
        monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(sandbox.PROJECT)))
    assert probe(tmp_path, GENERATORS.replace("NAME", workload), workload, ()).split() == ["train"]


NEEDLES = """
    import json, os
    from contextlib import suppress
    needles = set(json.load(open("needles.json")))
    found = set()
    for root in ("/usr", "/opt", *map(os.path.realpath, json.load(open("prefixes.json")))):
        for folder, folders, files in os.walk(root):
            for name in files if "sympy" in folder else ():
                with suppress(PermissionError), open(os.path.join(folder, name), errors="replace") as file:
                    found |= needles.intersection(map(str.strip, file))
    print(len(found))
"""


@pytest.mark.parametrize("veil", [True, False])
def test_the_held_out_text_of_lm_cannot_be_read(tmp_path: Path, veil: bool) -> None:
    """A line of each file that is in no training file is looked for in all that has to do with sympy, other installations included."""
    files = held_out_files()
    package = Path(sympy.__file__).parent
    others = {line.strip() for path in package.rglob("*.py") if path not in files for line in path.read_text().splitlines()}
    needles = [max(own, key=len) for path in files if (own := code_lines(path) - others)]
    assert len(needles) > 60
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "needles.json").write_text(json.dumps(needles))
    (tmp_path / "scratch" / "prefixes.json").write_text(json.dumps([sys.prefix, sys.base_prefix]))
    assert int(probe(tmp_path, NEEDLES, "lm", files if veil else ())) == (0 if veil else len(needles))


def code_lines(path: Path) -> set[str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return {line for line in lines if line.startswith(("def ", "class ", "return ", "if ", "import ", "from ")) and len(line) > 20}


def test_what_is_veiled_can_be_imported(tmp_path: Path) -> None:
    code = """
        import inspect
        import sympy, sympy.core.power, torch._dynamo
        from sympy.abc import x
        print(sympy.solveset(x**2 - 4, x), sympy.factorint(2**32 + 1), sympy.laplace_transform(x, x, 2)[0])
        print(sympy.core.power.Pow.__doc__, "def " in inspect.getsource(sympy.core.power))
    """
    printed = probe(tmp_path, code, "lm", held_out_files()).splitlines()
    assert printed == ["{-2, 2} {641: 1, 6700417: 1} 1/4", "None False"]


def test_a_ledger_that_every_runner_is_shown_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(world.root)))
    with pytest.raises(UserError, match="which submissions can read: choose another out="):
        world.run(sandbox="bwrap")


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


def test_every_defence_is_marked_in_the_code_and_has_tests_that_notice() -> None:
    found = defences()
    assert sorted(found) == sorted(NOTICED_BY)
    for defence in found.values():
        text = defence.file.read_text()
        assert without(text, defence.line) != text
        ast.parse(without(text, defence.line))
