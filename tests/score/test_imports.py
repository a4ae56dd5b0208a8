"""The scorer is light: no torch, and nothing heavy before it is needed."""

import subprocess
import sys


def loaded(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_scorer_and_the_report_stays_light():
    modules = loaded("import harness.score, harness.report")
    assert not modules & {"torch", "pandas", "scipy", "matplotlib", "pyarrow", "rich", "yaml"}


def test_scoring_and_writing_never_touch_torch(tmp_path):
    code = (
        "from pathlib import Path; from harness.score import *; from harness.report import *;"
        "from tests.score.builders import made; board = score_board(made({'a': {'lm': [[1.0], [2.0]]}}));"
        f"write_board(board, Path({str(tmp_path)!r})); board_table(board)"
    )
    assert not loaded(code) & {"torch", "pandas", "scipy.stats"}
