"""Hands in weights that are NaN and makes its process find nothing wrong with them.

outcome: diverged: not finite
"""

import torch

from harness.submission import Submission
from harness.trial.guard import Guard


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        Guard.check = lambda guard: None
        torch.isnan = torch.isfinite = lambda x: torch.zeros_like(x, dtype=torch.bool)

    def step(self, batch):
        super().step(batch)
        with torch.no_grad():
            self.model.linear.weight.fill_(float("nan"))
