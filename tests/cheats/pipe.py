"""Hands in a pipe, at which whoever reads it waits forever.

outcome: rejected: the weights are no file in memory
sandbox: none
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(os.pipe()[0])
