"""Adds parameters to the model.

outcome: rejected: was added
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.model.linear.register_parameter("more", torch.nn.Parameter(torch.zeros(8)))
