"""Hands in so many descriptors that the referee may run out of them.

outcome: rejected: or 64 descriptors
sandbox: none
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(*[os.memfd_create("weights")] * 200)
