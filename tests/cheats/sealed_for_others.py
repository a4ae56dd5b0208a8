"""Hands in weights that nobody can write from now on, but through memory that it has mapped before.

outcome: rejected: the weights are not sealed
sandbox: none
"""

import fcntl
import mmap
import os

from tests.cheat_kit import SGD, hand_in

FUTURE_WRITE = 0x10


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            weights = os.memfd_create("weights", os.MFD_ALLOW_SEALING)
            os.ftruncate(weights, 4096)
            self.mapped = mmap.mmap(weights, 4096)
            fcntl.fcntl(weights, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | FUTURE_WRITE)
            hand_in(weights)
