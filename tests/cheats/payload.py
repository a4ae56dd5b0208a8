"""Hands in a state that runs a command in whoever unpickles it, and crashes.

outcome: crashed: Weights only load failed
again: it is resumed
"""

import os
from pathlib import Path

import torch

from harness.submission import Submission

RESUMED = Path("/finishline/checkpoint").exists()


class Payload:
    """Unpickles to what the command returns."""

    def __reduce__(self):
        return print, ("STOLE",)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        if self.told == 2 and not RESUMED:
            os._exit(1)

    def state_dict(self):
        return {"payload": Payload()}
