"""Takes more memory than it may, at once.

outcome: out_of_memory: allocate
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.huge = torch.ones(1 << 29)
