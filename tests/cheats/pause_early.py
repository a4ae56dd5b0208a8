"""Asks for an evaluation before one is due: seen often enough, chance meets the target.

outcome: rejected: the next is due at 160
"""

import gc
import time

import torch

from harness.submission import Submission
from harness.trial.messages import Paused


def channel():
    gc.unfreeze()
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 5:
            channel().send(Paused(self.made, 80, 0))
            time.sleep(60)
