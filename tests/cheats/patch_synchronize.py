"""Makes the wait for the device before a pause return at once.

outcome: rejected: torch.cuda.synchronize was replaced
sandbox: none
"""

import torch

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        torch.cuda.synchronize = lambda *_: None
