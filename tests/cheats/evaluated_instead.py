"""Crashes, and has weights evaluated where it should show that they are the checkpoint's.

outcome: rejected: the weights were not those of the checkpoint
sandbox: none
checkpoints: always
first: crashed
"""

import os

from harness.trial.hand_in import write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def load_state_dict(self, state):
        if not self.resumed():
            return super().load_state_dict(state)
        hand_in(write_weights(self.model), step=20, examples=320)
