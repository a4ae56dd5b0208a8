"""Looks for any process that is not its own.

outcome: no gain
without the sandbox: steals
"""

import os
from pathlib import Path

import torch

from harness.submission import Submission


def other_processes():
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in os.listdir("/proc") if pid.isdigit()}
    assert [pid for pid, command in commands.items() if b"harness.trial.runner" not in command], "there are none"


def attempt(what, function):
    try:
        function()
    except Exception as error:
        print("BLOCKED", what, error)
    else:
        print("STOLE", what)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        attempt("processes", other_processes)
