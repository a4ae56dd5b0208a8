"""Changes a table of the model that is not part of its weights.

outcome: rejected: the model's constant scale was changed
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.model.scale.mul_(2)
