"""Hands in a state that it can change after it was read.

outcome: rejected: the state.pt are not sealed
sandbox: none
checkpoints: always
"""

import os

from harness.trial.hand_in import write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def state_dict(self):
        state = os.memfd_create("state", os.MFD_ALLOW_SEALING)
        hand_in(write_weights(self.model), state, purpose="checkpoint", step=self.made, examples=16 * self.made)
