"""Wraps a layer of the model in a module with one more parameter.

outcome: rejected: the model's module
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        torch.nn.utils.parametrizations.weight_norm(self.model.linear)
