"""Hands in a state that takes hours to copy, a disk to keep and no memory.

outcome: rejected: the state.pt
sandbox: none
checkpoints: always
"""

import os

from harness.trial.hand_in import write_weights
from harness.trial.memory_file import memory_file, sealed
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def state_dict(self):
        state = memory_file("state")
        os.ftruncate(state, 1_000_000_000)
        hand_in(write_weights(self.model), sealed(state), purpose="checkpoint", step=self.made, examples=16 * self.made)
