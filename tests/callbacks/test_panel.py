"""What several workers say, on one screen."""

import io
import subprocess
import sys
from dataclasses import fields

import pytest

from harness.base.output import new_console
from harness.callbacks.panel import Panel, Relayed
from harness.ledger.rows import Row
from tests.conftest import World

SAYS = """
import json, sys
print(json.dumps({"status": "a on toy/cpu, study 1  step 5"}), flush=True)
print("wandb failed [in its own way]", flush=True)
print("finishline: a mistake", file=sys.stderr, flush=True)
print(json.dumps({"ended": ["a on toy/cpu, study 1: ", "reached", "after 7 steps"]}), flush=True)
"""


def shown(terminal: bool) -> str:
    console = new_console(file=io.StringIO(), force_terminal=terminal, width=100)
    with Panel(console, total=12, done=3) as panel:
        for number in range(2):
            command = [sys.executable, "-c", SAYS]
            panel.watch(number, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_every_worker_is_shown(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(terminal)
    assert out.count("wandb failed [in its own way]") == 2
    assert "a on toy/cpu, study 1  step 5" in out
    assert "[4/12] a on toy/cpu, study 1: " in out
    assert "[5/12] a on toy/cpu, study 1: " in out
    assert ("\x1b[32mreached" in out) == terminal
    assert (out if terminal else capsys.readouterr().err).count("finishline: a mistake") == 2


def test_a_worker_says_how_far_its_trial_is(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    display = Relayed(new_console())
    display.on_start(world.spec())
    display._shown_s = 0.0
    now = dict.fromkeys((field.name for field in fields(Row)), 0)
    display.on_evaluation(Row(**now | {"step": 5, "time_s": 1.0, "valid_metric": 0.25}))
    assert capsys.readouterr().out.splitlines() == [
        '{"status": "toy_sgd on toy/cpu, study 1  started"}',
        '{"status": "toy_sgd on toy/cpu, study 1  step 5  clock 1.0 of 60 s  squared_error 0.2500 (target <= 1e-09)  no forecast"}',
    ]
