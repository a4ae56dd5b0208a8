"""Puts a function of its own in the place of the one with which the runner writes the weights.

outcome: rejected: harness.trial.runner.save_weights was replaced
"""

import sys

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        runner = sys.modules["harness.trial.runner"]
        save = runner.save_weights
        runner.save_weights = lambda model, path: save(model, path)
