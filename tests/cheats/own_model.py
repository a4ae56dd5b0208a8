"""Trains a model of its own under the name of the workload's, which is all that the referee sees.

outcome: missed: done after 100 steps
"""

import copy

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.model = copy.deepcopy(self.model)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        self.optimizer.zero_grad()
        ((self.model(*batch.inputs) - batch.targets) ** 2).mean().backward()
        self.optimizer.step()
        self.made = getattr(self, "made", 0) + 1

    def done(self):
        return getattr(self, "made", 0) >= 100
