"""Says that the files are written when there are none.

outcome: rejected: weights.safetensors cannot be read
"""

import gc
import time

import torch

from harness.submission import Submission
from harness.trial.messages import Paused, Written


def channel():
    gc.unfreeze()
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 10:
            channel().send(Paused(10, 160, 0))
            channel().send(Written(False))
            time.sleep(60)
