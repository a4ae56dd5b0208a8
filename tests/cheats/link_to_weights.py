"""Hands in a link to the weights that met the target in another trial.

outcome: rejected: weights.safetensors cannot be read
"""

import gc
import os
import time

import torch

from harness.submission import Submission
from harness.trial.checkpoint import save_state, save_weights
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
            save_weights(self.model, "pending/weights.safetensors")
            save_state("pending/state.pt", {})
            os.remove("pending/weights.safetensors")
            os.symlink(self.hp.other, "pending/weights.safetensors")
            channel().send(Paused(10, 160, 0))
            channel().send(Written(False))
            time.sleep(60)
