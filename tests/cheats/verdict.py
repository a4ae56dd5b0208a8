"""Says that it failed, with the verdict that it has reached the target.

outcome: rejected: cannot say 'reached' of itself
"""

import gc
import time

import torch

from harness.submission import Submission
from harness.trial.messages import Failed


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
            channel().send(Failed("reached", "a miracle"))
            time.sleep(60)
