"""Wraps a layer of the model in a module with one more parameter.

outcome: rejected: the model's module
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        torch.nn.utils.parametrizations.weight_norm(self.model.linear)
