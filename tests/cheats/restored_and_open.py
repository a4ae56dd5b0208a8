"""Crashes, and proves with weights that it can still change that it came back with the checkpoint's.

outcome: rejected: the restored weights are not sealed
sandbox: none
checkpoints: always
first: crashed
"""

import os

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def load_state_dict(self, state):
        if not self.resumed():
            return super().load_state_dict(state)
        hand_in(os.memfd_create("weights", os.MFD_ALLOW_SEALING), purpose="restored")
