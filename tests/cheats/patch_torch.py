"""Replaces a function of torch that losses are made of.

outcome: rejected: cross_entropy was replaced
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        torch.nn.functional.cross_entropy = lambda *args, **kwargs: torch.zeros(())
