"""Asks for more memory than there is, so that it is started again.

outcome: no gain
by signals: no gain
sandbox: none
first: out_of_memory
burns: 0.4
"""

import torch

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            burn(0.4)
            self.huge = torch.empty(1 << 50)
