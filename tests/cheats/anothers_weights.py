"""Hands in the weights that reached the target in another trial.

outcome: rejected: the weights are no file in memory
sandbox: none
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(os.open(self.hp.other, os.O_RDONLY))
