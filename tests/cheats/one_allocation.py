"""Takes more memory than it may, at once.

outcome: out_of_memory: allocate
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.huge = torch.ones(1 << 29)
