"""Replaces the workload's evaluation by one that is always at the target.

outcome: rejected: Toy.evaluate was replaced
"""

import gc

import torch

from harness.submission import Submission
from harness.workload import Evaluation


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        type(runner.workload).evaluate = lambda *_: Evaluation(0.0, 0.0)
