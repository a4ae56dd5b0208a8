"""Leaves work on a side stream of the device running when it pauses; needs CUDA.

outcome: no gain
hides: 0.7
needs: cuda
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 10:
            with torch.cuda.stream(torch.cuda.Stream()):
                torch.cuda._sleep(2_000_000_000)
