"""Works before training starts: on import, in the class body, in `__init__` and in `batch_size`.

outcome: no gain
hides: 2.0
"""

import time

import torch

from harness.submission import Submission

naps = iter([0.5])
time.sleep(0.5)


class Cheat(Submission):
    time.sleep(0.5)

    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def __init__(self, setting):
        super().__init__(setting)
        time.sleep(0.5)

    def batch_size(self, workload):
        time.sleep(next(naps, 0))
        return super().batch_size(workload)
