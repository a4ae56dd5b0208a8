"""The command line on a throw-away project: verbs, exit codes, one line for each mistake, nothing left half done."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import PROJECT, main
from harness.ledger import SCHEMA
from tests.conftest import SGD, World, import_submissions_here

WORKLOAD = """
name: toy
tier: cpu
version: 1
task: a line
metric: squared_error
direction: minimize
target: 0.05
test_target: 1
budget_s: 20
reference_batch: 16
step_hint: 100
loss_kind: squared_error
threads: 1
"""
SLOW = "def setup(self):\n    super().setup()\n    self.optimizer.param_groups[0]['lr'] = 1e-9\n\ndef done(self):\n    return True\n"

CHEAPER = {
    "launcher: local": "launcher: debug",
    "sandbox: auto": "sandbox: none",
    "evaluation_period: 0.025": "evaluation_period: 0.1",
}
"""Settings with which trials run in this process, their runners are forked (`tests.fork_server`), and they pause less often."""


@pytest.fixture
def project(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    (world.root / "configs" / "workload" / "toy").mkdir(parents=True)
    (world.root / "configs" / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD)
    for name in ("ruleset", "launcher"):
        (world.root / "configs" / name).symlink_to(PROJECT / "configs" / name)
    for name in ("run.yaml", "launch.yaml"):
        text = (PROJECT / "configs" / name).read_text()
        for setting, cheaper in CHEAPER.items():
            text = text.replace(setting, cheaper)
        (world.root / "configs" / name).write_text(text)
    import_submissions_here(monkeypatch)
    world.submission(SGD, "quick")
    world.submission(SLOW, "slow")
    monkeypatch.setenv("FINISHLINE_CACHE", str(world.cache))
    monkeypatch.chdir(world.root)
    return world


def test_run_reaches(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["run", "workload=toy/cpu", "submission=quick", "hp.learning_rate=0.03", "seed=5", "out=mine", "sandbox=auto"], project.root)
        == 0
    )
    out = capsys.readouterr().out
    assert "quick on toy/cpu, study 1: reached" in out
    folder = Path(re.search(r"^trial: (.*)$", out, re.M)[1])
    record = json.loads((folder / "record.json").read_text())
    assert record["hp"] == {"learning_rate": 0.03}
    assert record["seed"] == 5
    assert record["budget_s"] == 30
    assert record["sandbox"] == "bwrap"


def test_run_misses(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "workload=toy/cpu", "submission=slow", "out=mine"], project.root) == 3
    assert "missed" in capsys.readouterr().out


def test_launch_resumes_and_score_ranks(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    launch = ["launch", "submissions=[quick,slow]", "workloads=[toy/cpu]", "studies=1", "out=ledger"]
    assert main(launch, project.root) == 0
    assert "2 trials, 2 to run" in capsys.readouterr().out
    records = sorted((project.root / "ledger").rglob("record.json"))
    assert len(records) == 2
    before = [path.stat().st_mtime_ns for path in records]
    assert main(launch, project.root) == 0
    assert "2 trials, 0 to run" in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in records] == before
    records[0].unlink()
    assert main(launch, project.root) == 0
    assert "2 trials, 1 to run" in capsys.readouterr().out
    assert main([*launch[:3], "studies=2", "out=ledger"], project.root) == 0
    assert "4 trials, 2 to run" in capsys.readouterr().out
    assert main(["score", "ledger", "out=board", "allow_unsandboxed=true"], project.root) == 0
    assert "quick" in capsys.readouterr().out
    board = list(csv.DictReader((project.root / "board" / "leaderboard.csv").open()))
    assert [row["submission"] for row in board] == ["quick", "slow"]
    assert float(board[0]["score"]) == 1
    assert float(board[1]["score"]) == 0
    for name in ("times.csv", "profiles.csv", "profiles.png"):
        assert (project.root / "board" / name).stat().st_size > 0


def test_submissions_of_a_cell_share_their_seed(project: World) -> None:
    main(["launch", "submissions=[quick,slow]", "workloads=[toy/cpu]", "studies=2", "out=ledger"], project.root)
    records = [json.loads(path.read_text()) for path in (project.root / "ledger").rglob("record.json")]
    seeds = {(r["submission"], r["study"]): r["seed"] for r in records}
    assert seeds["quick", 1] == seeds["slow", 1] != seeds["quick", 2] == seeds["slow", 2]


def test_list(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"], project.root) == 0
    out = capsys.readouterr().out
    assert re.search(r"toy/cpu\s+squared_error\s+<= 0.05\s+<= 1\s+20 s", out)
    assert "quick" in out
    assert "learning_rate=0.02" in out


RUN = "run workload=toy/cpu submission=quick out=new"
LAUNCH = "launch submissions=[quick] workloads=[toy/cpu] studies=1 out=new"
ONE = "from harness.submission import Submission\nclass One(Submission): pass\n"
MISTAKES = {
    "rnu": "no command 'rnu'; did you mean 'run'?",
    "run workload=toy/cpi submission=quick out=new": "no workload 'toy/cpi'; did you mean 'toy/cpu'?",
    "run workload=toy/cpu submission=quik out=new": "no submission 'quik'; did you mean 'quick'?",
    "run workload=toy/cpu submission=./nowhere out=new": "no submission './nowhere'",
    "run workload=toy/cpu out=new": "submission= is missing",
    "run submission=quick out=new": "workload= is missing",
    f"{RUN} hp.learning_rat=1": "no hyperparameter 'learning_rat'",
    f"{RUN} hp.learning_rate=fast": "hp.learning_rate is a number from 0.0001 to 1, not 'fast'",
    f"{RUN} seeed=1": "no option 'seeed'; did you mean 'seed'?",
    f"{RUN} seed=one": "'one'",
    f"{RUN} seed": "'seed' has no value: write seed=N",
    f"{RUN} evaluation_period=0": "evaluation_period is a number from 0.001 to 1, not '0'",
    f"{RUN} ruleset=slef": "no ruleset 'slef'; did you mean 'self'?",
    f"{RUN} sandbox=tent": "sandbox is auto, bwrap or none, not 'tent'",
    f"{RUN} ruleset.trials=[": "ruleset.trials is a whole number from 1 to 1000, not '['",
    "run workload=toy/cpu submission=quick out=file/new": "cannot be written",
    "run workload=toy/cpu submission=empty out=new": "no submission.py in",
    "run workload=toy/cpu submission=raises out=new": "cannot be imported: RuntimeError: not today",
    "run workload=toy/cpu submission=two out=new": "must define exactly one subclass of Submission; it defines One, Two",
    "run workload=toy/cpu submission=badspace out=new": "space.yaml, line 1, x: min 2 is above max 1",
    "launch submissions=[quick] workloads=[toy/cpu] launcher=cloud out=new": "no launcher 'cloud'",
    "launch submissions=[] workloads=[toy/cpu] out=new": "say what to run with submissions=[NAME]",
    "launch submissions=[quick,quick] workloads=[toy/cpu] out=new": "submissions is a list of different names, and names 'quick' twice",
    "launch submissions=[quick] workloads=[toy/cpu] out=new studies=0": "studies is a whole number from 1 to 1000",
    "launch submissions=[quick,raises] workloads=[toy/cpu] out=new": "not today",
    "launch submissions=[quick] workloads=[toy/cpu] out=file/new": "cannot be written",
    "score nowhere": "nowhere",
    "score": "give the folder of at least one ledger",
    "score ledger uot=x": "no option 'uot'; did you mean 'out'?",
    "list all": "'all' is not an option; there are none",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_gets_one_line_and_leaves_nothing(project: World, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (project.root / "file").write_text("")
    (project.root / "submissions" / "empty").mkdir()
    project.submission(f"import torch\nraise RuntimeError('not today')\n{ONE}", "raises")
    project.submission(f"{ONE}\nclass Two(Submission): pass\n", "two")
    folder = project.submission(SGD, "badspace")
    (folder / "space.yaml").write_text("x: {scale: log, min: 2, max: 1, default: 1}")
    before = sorted(project.root.rglob("*"))
    assert main(shlex.split(command), project.root) == 2
    error = capsys.readouterr().err
    assert MISTAKES[command] in error
    assert error.startswith("finishline: ")
    assert error.count("\n") == 1
    assert sorted(p for p in project.root.rglob("*") if "__pycache__" not in p.parts) == before


def test_a_ledger_of_another_version_or_edited_by_hand(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    launch = shlex.split(LAUNCH)
    assert main(launch, project.root) == 0
    plan = project.root / "new" / "campaign.yaml"
    text = plan.read_text()
    for change, words in (("studies: 1", "changed by hand"), (f"schema: {SCHEMA}", f"reads {SCHEMA}")):
        plan.write_text(text.replace(change, change[:-1] + "7"))
        assert main(launch, project.root) == 2
        assert words in capsys.readouterr().err
    plan.write_text(text)
    (record,) = (project.root / "new").rglob("record.json")
    record.write_text(record.read_text().replace(f'"schema": {SCHEMA}', '"schema": 7'))
    assert main(["score", "new"], project.root) == 2
    assert "schema" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.submission(SGD + "\n# another\n", "quick"), "source of submission quick"),
        (
            lambda p: (p.root / "configs/workload/toy/cpu.yaml").write_text(WORKLOAD.replace("0.05", "0.04")),
            "configuration of workload toy",
        ),
    ],
)
def test_a_campaign_whose_parts_changed_is_refused(project: World, capsys: pytest.CaptureFixture[str], change: object, words: str) -> None:
    assert main(shlex.split(LAUNCH), project.root) == 0
    change(project)
    assert main(shlex.split(LAUNCH), project.root) == 2
    assert words in capsys.readouterr().err


def test_no_out_is_taken_by_another_trial(project: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(RUN), project.root) == 0
    assert main([*shlex.split(RUN), "seed=2"], project.root) == 2
    assert "holds another trial" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list"]])
def test_no_torch_for_small_talk(project: World, words: list[str]) -> None:
    main = f"from pathlib import Path; from harness.cli import main; main({words!r}, Path({str(project.root)!r}))"
    code = f"import sys; {main}; print('torch' in sys.modules, file=sys.stderr)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert outcome.stderr.strip() == "False"
    assert outcome.stdout


def test_scoring_imports_no_torch() -> None:
    code = "import sys, harness.commands.score, harness.report.write, harness.report.terminal; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT).stdout.strip() == "False"


def test_the_readme_only_uses_what_there_is() -> None:
    """Each command of the README exists: make targets, verbs, options, workloads and submissions."""
    text = (PROJECT / "README.md").read_text()
    targets = set(re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make (\w+)", text, re.M)) <= targets
    from harness.cli import VERBS
    from harness.project.project import Project

    known = Project(PROJECT)
    commands = re.findall(r"^\.venv/bin/finishline (\S+)(.*?)(?:#.*)?$", text, re.M)
    assert commands
    for verb, rest in commands:
        assert verb in (*VERBS, "--help"), verb
        for option in rest.split():
            key, _, value = option.partition("=")
            if key in ("workload", "workloads"):
                assert set(value.strip("[]").split(",")) <= set(known.workload_ids())
            if key in ("submission", "submissions"):
                assert set(value.strip("[]").split(",")) <= {*known.submission_names(), "my_algorithm"}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (PROJECT / link).exists(), link


def test_the_readmes_first_submission_runs(project: World) -> None:
    text = (PROJECT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (space,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    folder = project.submission(code, "my_algorithm")
    (folder / "space.yaml").write_text(space)
    assert main(["run", "workload=toy/cpu", "submission=my_algorithm", "hp.learning_rate=0.01", "out=new"], project.root) in (0, 3)
