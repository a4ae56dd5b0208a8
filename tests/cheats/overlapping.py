"""Hands in weights whose tensors share their bytes.

outcome: rejected: not those of the workload's model
sandbox: none
"""

import json
import os

from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            one = {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}
            header = json.dumps({"linear.weight": one, "linear.bias": one, "seen": one}).encode()
            weights = memory_file("weights")
            os.write(weights, len(header).to_bytes(8, "little") + header + bytes(32))
            hand_in(sealed(weights))
