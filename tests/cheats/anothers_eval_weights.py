"""Swaps in the weights of another trial for the evaluation, by a link.

outcome: rejected: swapped.safetensors cannot be read
"""

import gc
import os
import time
from contextlib import contextmanager

import torch

from harness.submission import Submission
from harness.trial.messages import Swapped, Written


def channel():
    gc.unfreeze()
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    @contextmanager
    def eval_weights(self):
        channel().send(Swapped())
        os.symlink(self.hp.other, "swapped.safetensors")
        channel().send(Written(True))
        time.sleep(60)
        yield
