"""Replaces the workload's loss.

outcome: rejected: Toy.losses was replaced
"""

import gc

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        type(runner.workload).losses = lambda workload, model, batch: 0 * batch.targets
