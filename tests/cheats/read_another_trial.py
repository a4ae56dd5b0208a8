"""Reads the weights that met the target in another trial.

outcome: no gain
without the sandbox: steals
"""

from pathlib import Path

import torch

from harness.submission import Submission


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
        attempt("weights", Path(self.hp.other).read_bytes)
