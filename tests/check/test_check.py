"""finishline check, from the command line to the sandboxed process and back."""

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.check.trial_run import trial_run
from harness.cli import PROJECT, main
from tests.conftest import SGD, World


def submission(world: World, code: str) -> Path:
    """A complete folder with this code."""
    folder = world.submission(code, "mine")
    (folder / "README.md").write_text("# mine\n")
    (folder / "space.yaml").write_text("learning_rate: {scale: log, min: 1e-3, max: 0.05, default: 0.02}\n")
    return folder


@pytest.fixture
def mine(world: World) -> World:
    submission(world, SGD)
    (world.root / "configs").mkdir()
    (world.root / "configs" / "run.yaml").symlink_to(PROJECT / "configs" / "run.yaml")
    (world.root / "configs" / "ruleset").symlink_to(PROJECT / "configs" / "ruleset")
    return world


SCHEDULED = """
def setup(self):
    super().setup()
    self.schedule = warmup_then_linear(self.optimizer, 0.05, self.horizon)
"""


def test_nothing_found(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    text = submission(mine, SCHEDULED) / "submission.py"
    text.write_text("from harness.schedules import warmup_then_linear\n" + text.read_text())
    assert main(["check", str(mine.root / "submissions" / "mine"), "hp.learning_rate=1e-3"], mine.root) == 0
    size, found = capfd.readouterr().out.splitlines()
    assert re.fullmatch(r"mine: \d{3} of the 16384 bytes that ruleset self allows \(tar \| xz -9\)", size)
    assert found == "mine: nothing found"


def test_too_much_source(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    (mine.root / "submissions" / "mine" / "README.md").write_bytes(random.Random(1).randbytes(17 << 10))
    assert main(["check", "mine", "ruleset=external"], mine.root) == 1
    (line,) = capfd.readouterr().out.splitlines()
    assert re.match(r"error  \.: /\S+/mine takes 1\d{4} bytes as tar \| xz -9, and ruleset external allows 16384: ", line)


def test_lint_and_trial_run_are_told_together(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    submission(mine, SGD.replace("import torch", "import os\nimport torch\nos.environ['x']"))
    assert main(["check", "mine"], mine.root) == 1
    out = capfd.readouterr().out
    assert "error  submission.py:2: imports os -- " in out
    assert "error  submission.py:4: does something at module level -- " in out
    assert "KeyError: 'x'" in out
    assert out.splitlines()[-1] == "mine: 3 errors, 0 to look at"


def test_a_look_breaks_no_rule(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    submission(mine, "def step(self, batch):\n    print(batch)\n    super().step(batch)")
    assert main(["check", "mine"], mine.root) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "mine: 0 errors, 2 to look at"  # print, and the learning rate that never moves


def test_a_submission_that_ends_its_process_is_told(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    submission(mine, "def setup(self):\n    import os\n    print('farewell')\n    os._exit(3)")
    assert main(["check", "mine"], mine.root) == 1
    assert "ended the process that ran it (exit code 3, last words: farewell), during setup" in capfd.readouterr().out


def test_a_patched_function_is_found(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    submission(mine, "def setup(self):\n    super().setup()\n    setattr(torch, 'is' + 'nan', abs)")
    assert main(["check", "mine"], mine.root) == 1
    assert "torch.isnan was replaced (found after setup)" in capfd.readouterr().out


def test_a_loop_without_end_is_told(mine: World) -> None:
    folder = submission(mine, "def setup(self):\n    while True: pass")
    (finding,) = trial_run(folder, {"learning_rate": 0.1}, limit_s=5)
    assert "did not end within 5 s, during" in finding.what


WRONG = {
    "check": "give one submission",
    "check mine other": "give one submission",
    "check mien": "no submission or workload 'mien'; did you mean 'mine'?",
    "check ./nowhere": "no submission './nowhere'",
    "check mine seed=1": "no option 'seed'",
    "check mine ruleset=slef": "no ruleset 'slef'; did you mean 'self'?",
    "check mine hp.learning_rat=1": "no hyperparameter 'learning_rat'",
    "check mine hp.learning_rate=fast": "hp.learning_rate is a number from 0.001 to 0.05, not 'fast'",
}


@pytest.mark.parametrize(("command", "words"), WRONG.items())
def test_wrong_input(mine: World, capfd: pytest.CaptureFixture[str], command: str, words: str) -> None:
    assert main(command.split(), mine.root) == 2
    error = capfd.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_without_a_space_only_the_files_are_read(mine: World, capfd: pytest.CaptureFixture[str]) -> None:
    (mine.root / "submissions" / "mine" / "space.yaml").unlink()
    assert main(["check", "mine"], mine.root) == 1
    assert "no space.yaml" in capfd.readouterr().out


def test_check_itself_imports_neither_torch_nor_the_submission(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "submissions" / "sgd_nesterov", tmp_path / "it")
    code = f"import sys; from harness.cli import main; main(['check', {str(tmp_path / 'it')!r}]); print('torch' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert outcome.stdout.splitlines()[1:] == ["it: nothing found", "False"]
