"""Takes more memory than it may in many children, each of which takes little.

outcome: out_of_memory: GiB of memory together
"""

import os
import time

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        for _ in range(4):
            if os.fork() == 0:
                held = b"x" * (1 << 28)
                time.sleep(60 + 0 * len(held))
        time.sleep(60)
