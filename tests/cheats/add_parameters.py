"""Adds parameters to the model.

outcome: rejected: was added
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.model.linear.register_parameter("more", torch.nn.Parameter(torch.zeros(8)))
