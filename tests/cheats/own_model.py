"""Trains a model of its own under the name of the workload's, which is all that the referee sees.

outcome: missed: done after 100 steps
sandbox: none
"""

import copy

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        self.model = copy.deepcopy(self.model)
        super().setup()

    def step(self, batch):
        self.optimizer.zero_grad()
        ((self.model(*batch.inputs) - batch.targets) ** 2).mean().backward()
        self.optimizer.step()
        self.made += 1

    def done(self):
        return self.made == 100
