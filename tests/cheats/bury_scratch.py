"""Leaves folders behind that are nested too deeply to be removed.

outcome: no gain
"""

import os

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        home = os.getcwd()
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(home)
