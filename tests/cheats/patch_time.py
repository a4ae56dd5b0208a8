"""Sets the clocks of its process to stand still.

outcome: rejected: time.monotonic was replaced
"""

import time

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        time.monotonic = lambda: 0.0
