"""Works in `state_dict`, which is called while the clock stands.

outcome: no gain
hides: 1.5
"""

import time

import torch

from harness.submission import Submission


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def state_dict(self):
        if not hasattr(self, "saved"):
            burn(2)
        self.saved = True
        return super().state_dict()
