"""Hands in weights with a header that is nested too deeply to be read.

outcome: rejected: not those of the workload's model
sandbox: none
"""

import os

from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            header = b'{"a": ' + b"[" * 200
            weights = memory_file("weights")
            os.write(weights, len(header).to_bytes(8, "little") + header)
            hand_in(sealed(weights))
