"""Prints more than a disk holds.

outcome: no gain
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        for _ in range(100):
            print("x" * 99_999)
