"""Fills the disk.

outcome: rejected: MiB to scratch
"""

import time

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        with open("filler", "wb") as file:
            file.write(bytes(100 << 20))
        time.sleep(60)
