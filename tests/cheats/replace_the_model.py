"""Puts a larger layer in the place of the model's.

outcome: rejected: the model's module
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.model.linear = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Linear(64, 1))
