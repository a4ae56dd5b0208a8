"""Says in a pause that it has made fewer steps than before.

outcome: rejected: the last was at step 10
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
        if self.made == 15:
            channel().send(Paused(2, 320, 0))
            time.sleep(60)
