"""Hands in a descriptor that stands for a path and is opened only when it is read.

outcome: rejected: the weights are no file in memory
sandbox: none
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(os.open(self.hp.other, os.O_PATH))
