"""Switches off the guard in its process and with it stops that process's clocks.

outcome: no gain
hides: 1.5
"""

import time

import torch

from harness.submission import Submission
from harness.trial.guard import Guard


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        Guard.check = lambda guard: None
        time.monotonic = time.perf_counter = lambda: 0.0

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 3:
            time.sleep(1.5)
