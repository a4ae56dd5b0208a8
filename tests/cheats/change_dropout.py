"""Turns dropout off.

outcome: rejected: 'dropout' was changed (description, p)
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.model.dropout.p = 0.0
