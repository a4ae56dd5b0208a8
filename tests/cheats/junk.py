"""Sends what is no message.

outcome: rejected: broke the protocol
"""

import gc
import time

import torch

from harness.submission import Submission


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
            channel()._socket.sendall(b"junk\n" * 10_000)
            time.sleep(60)
