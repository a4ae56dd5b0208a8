"""The command line's output: whatever it contains and wherever it goes, no traceback, and the exit code is right."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from harness.base.output import new_console
from harness.cli import PROJECT

LIST = [sys.executable, "-m", "harness", "list"]


def test_names_are_printed_as_they_are() -> None:
    for name in ("x[red]y", "a:b", ":b:", "[/bold]", "{curly}", "100%"):
        out = StringIO()
        new_console(file=out, force_terminal=True, color_system=None).print(f"results/{name}", soft_wrap=True)
        assert out.getvalue() == f"results/{name}\n"


def test_a_full_output_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(LIST, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "finishline: the output cannot be written (No space left on device)\n")


def test_a_reader_that_has_gone_changes_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(LIST, cwd=PROJECT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("setting", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_an_output_without_unicode(tmp_path: Path, setting: dict[str, str]) -> None:
    words = [sys.executable, "-m", "harness", "run", "workload=lm/cpu", "submission=größe"]
    done = subprocess.run(words, cwd=PROJECT, env={**os.environ, **setting}, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.isascii()
    assert done.stderr.startswith(b"finishline: ")
    assert done.stderr.count(b"\n") == 1
