"""Hands in weights with room for more in their header.

outcome: rejected: bytes were handed in, the model has
sandbox: none
"""

import os

from harness.trial.hand_in import write_weights
from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            mine = write_weights(self.model)
            content = os.pread(mine, 1 << 20, 0)
            length = int.from_bytes(content[:8], "little")
            wider = memory_file("weights")
            os.write(wider, (length + 8).to_bytes(8, "little") + content[8 : 8 + length] + b" " * 8 + content[8 + length :])
            hand_in(sealed(wider))
