"""Hands in weights that take hours to read and no memory.

outcome: rejected: 60000000000 bytes were handed in
sandbox: none
"""

import os

from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            weights = memory_file("weights")
            os.ftruncate(weights, 60_000_000_000)
            hand_in(sealed(weights))
