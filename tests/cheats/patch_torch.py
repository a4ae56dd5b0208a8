"""Replaces a function of torch that losses are made of.

outcome: rejected: cross_entropy was replaced
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        torch.nn.functional.cross_entropy = lambda *args, **kwargs: torch.zeros(())
