"""Trains in evaluation mode, in which there is no dropout.

outcome: rejected: left in evaluation mode
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.model.eval()
