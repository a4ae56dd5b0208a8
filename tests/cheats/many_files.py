"""Fills the disk with files that are empty.

outcome: rejected: files in scratch
"""

import time
from pathlib import Path

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        for number in range(2000):
            Path(str(number)).touch()
        time.sleep(60)
