"""Puts a pipe where the referee looks how many steps were made.

outcome: no gain
hides: 1.5
"""

import os
import time

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 3:
            os.remove("progress")
            os.mkfifo("progress")
            time.sleep(1.5)
