"""A submission is a package, and what it shares with others of ours is part of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.check import rehearsal
from harness.check.lint import lint
from harness.check.rehearsal import begin
from harness.cli import PROJECT
from harness.errors import UserError
from harness.project.plugins import load_submission
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.project.shared import shared_files
from harness.trial.read_back import copy_weights, restore_submission, submission_state
from harness.trial.referee import run_trial
from harness.trial.source import copy_folder, files, hash_folder, weigh_folder
from tests.conftest import Silent, World

RULES = Ruleset("mine", 1, 1, 1.0, "default")
HELPED = """
from harness.submission import Submission
from submissions.nadamw.submission import NAdamW
from .helper import rate

class Mine(Submission):
    def setup(self):
        self.optimizer = NAdamW(self.model.parameters(), rate(self), fused=True)
"""

COUNTING = """
import torch
from harness.submission import Submission
from .helper import count

class Counting(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), self.hp.learning_rate)
        self.counted = 0

    def step(self, batch):
        self.counted = count()
        super().step(batch)
"""


def helped(world: World) -> Path:
    folder = world.submission(HELPED, "helped")
    (folder / "helper.py").write_text("from submissions.common.adamw import adamw\n\ndef rate(mine):\n    return mine.hp.learning_rate\n")
    return folder


def test_a_trial_runs_with_its_helper_and_with_what_is_shared(world: World) -> None:
    folder = helped(world)
    spec = world.spec(HELPED, "helped", source_hash=weigh_folder(folder, RULES)[0], budget_s=1.0)
    record = run_trial(spec, world.root / "trial", world.cache, Silent())
    assert record.verdict in ("reached", "missed", "budget"), record
    source = world.root / "trial" / "source"
    assert sorted(path.relative_to(source).as_posix() for path in files(source)) == [
        "helper.py",
        "space.yaml",
        "submission.py",
        "submissions/common/adamw.py",
        "submissions/nadamw/submission.py",
    ]
    assert hash_folder(source) == spec.source_hash


def test_a_change_of_a_shared_module_changes_the_hash(world: World) -> None:
    folder = helped(world)
    before = weigh_folder(folder, RULES)[0]
    sibling = world.submission("class NAdamW: pass", "nadamw")  # before ours
    assert shared_files(folder, files(folder))["submissions/nadamw/submission.py"] == sibling / "submission.py"
    assert weigh_folder(folder, RULES)[0] != before


def test_a_copy_is_loaded_from_the_copy_alone(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_folder(helped(world), copy)
    load_submission(copy, copied=True)
    assert sys.modules["submissions.nadamw.submission"].__file__ == str(copy / "submissions/nadamw/submission.py")
    (copy / "submissions/nadamw/submission.py").unlink()
    with pytest.raises(UserError, match=r"No module named 'submissions\.nadamw"):
        load_submission(copy, copied=True)


def test_two_loads_do_not_share_globals(world: World) -> None:
    folder = helped(world)
    first, second = (sys.modules[load_submission(folder).__module__] for _ in range(2))
    assert first.rate is not second.rate
    assert first.NAdamW is not second.NAdamW


def test_state_in_a_helper_goes_on(world: World) -> None:
    folder = world.submission(COUNTING, "counting")
    (folder / "helper.py").write_text("COUNT = []\n\ndef count():\n    COUNT.append(1)\n    return len(COUNT)\n")
    first = begin(load_submission(folder), {"learning_rate": 0.02})
    first.advance(5)
    state = rehearsal._through_a_file(submission_state(first.submission))
    second = begin(load_submission(folder), {"learning_rate": 0.02})
    copy_weights(first.model, second.model)
    restore_submission(second.submission, state)
    for session in (first, second):
        session.advance(2)
        assert session.submission.counted == 7


def test_imports_are_followed_however_they_are_written(world: World) -> None:
    code = "import submissions.common.cooldown\nfrom submissions.common import schedule_free\n"
    code += "try:\n    import submissions.nowhere\nexcept ImportError:\n    pass\n"
    folder = world.submission(f"{code}\nclass A: pass", "other")
    assert sorted(shared_files(folder, files(folder))) == [
        "submissions/common/averaging.py",
        "submissions/common/cooldown.py",
        "submissions/common/schedule_free.py",
    ]


def test_a_folder_here_is_suggested_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "submission.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"give '\./mine'"):
        Project(PROJECT).submission_folder("mine")
    assert Project(PROJECT).submission_folder("./mine") == tmp_path / "mine"
    monkeypatch.chdir(tmp_path / "mine")
    assert Project(PROJECT).submission_folder(".").name == "mine"


def test_what_is_declared_may_be_imported(tmp_path: Path) -> None:
    (tmp_path / "submission.py").write_text("import psutil\nfrom packaging import version\n")
    levels = {finding.what.split(",")[0]: finding.level for finding in lint(tmp_path)}
    assert levels["imports psutil"] == levels["imports packaging"] == "error"
    (tmp_path / "requirements.txt").write_text("psutil>=6\npackaging\n")
    assert not [finding for finding in lint(tmp_path) if "imports" in finding.what]


def test_hyperparameters_that_a_shared_module_reads_are_read(tmp_path: Path) -> None:
    code = "from submissions.common.adamw import adamw\nclass Mine:\n    def setup(self):\n        adamw(self)\n"
    (tmp_path / "submission.py").write_text(code)
    names = ("learning_rate", "weight_decay", "beta1", "beta2", "other")
    (tmp_path / "space.yaml").write_text("".join(f"{name}: {{scale: linear, min: 0, max: 1, default: 0}}\n" for name in names))
    assert [finding.what for finding in lint(tmp_path) if finding.file == "space.yaml"] == ["other is never read by the code"]


def test_check_tells_of_another_version_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "submission.py").write_text("")
    (tmp_path / "requirements.txt").write_text("numpy==0.1\n")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "check", str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "requirements.txt:1: numpy==0.1 is declared, and" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
