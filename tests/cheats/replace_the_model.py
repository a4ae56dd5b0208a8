"""Puts a larger layer in the place of the model's.

outcome: rejected: the model's module
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.model.linear = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Linear(64, 1))
