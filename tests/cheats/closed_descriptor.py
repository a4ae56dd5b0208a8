"""Hands in a descriptor that is closed.

outcome: crashed: Bad file descriptor
sandbox: none
"""

import os

from harness.trial.hand_in import write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            weights = write_weights(self.model)
            os.close(weights)
            hand_in(weights)
