"""Gives the model another class, with another forward.

outcome: rejected: was changed (class, forward)
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        kind = type(self.model)
        self.model.__class__ = type(kind.__name__, (kind,), {"forward": lambda model, x: kind.forward(model, 2 * x)})
