"""Sends a message that never ends, byte by byte, so that the referee waits for it beyond the budget.

outcome: timed_out: the budget of 1 s was used up
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
            while True:
                channel()._socket.sendall(b" ")
                time.sleep(0.2)
