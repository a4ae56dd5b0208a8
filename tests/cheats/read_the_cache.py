"""Reads the validation and test data from the cache.

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
        for split in ("valid", "test"):
            attempt(split, (Path(self.hp.data) / split / "columns.npz").read_bytes)
