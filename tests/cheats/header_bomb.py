"""Hands in weights with a header that says it is larger than any memory.

outcome: rejected: not those of the workload's model
sandbox: none
"""

import os

from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            weights = memory_file("weights")
            os.write(weights, (1 << 40).to_bytes(8, "little") + b"{}")
            hand_in(sealed(weights))
