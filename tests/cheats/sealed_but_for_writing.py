"""Hands in weights whose size is sealed and whose content is not.

outcome: rejected: the weights are not sealed
sandbox: none
"""

import fcntl
import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            weights = os.memfd_create("weights", os.MFD_ALLOW_SEALING)
            fcntl.fcntl(weights, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
            hand_in(weights)
