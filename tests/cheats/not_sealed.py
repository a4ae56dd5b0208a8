"""Hands in weights that it can change while they are read.

outcome: rejected: the weights are not sealed
sandbox: none
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(os.memfd_create("weights", os.MFD_ALLOW_SEALING))
