"""Hands in weights that are NaN and makes its process find nothing wrong with them.

outcome: diverged: not finite
sandbox: none
"""

import torch

from harness.trial.guard import Guard
from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        Guard.check = lambda guard: None
        torch.isnan = torch.isfinite = lambda x: torch.zeros_like(x, dtype=torch.bool)

    def step(self, batch):
        super().step(batch)
        with torch.no_grad():
            self.model.linear.weight.fill_(float("nan"))
