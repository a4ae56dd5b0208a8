"""Crashes, and comes back with other weights than those of the checkpoint.

outcome: rejected: the weights were not those of the checkpoint
sandbox: none
checkpoints: always
first: crashed
"""

import os

from tests.cheat_kit import SGD


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def load_state_dict(self, state):
        super().load_state_dict(state)
        if self.resumed():
            self.model.linear.weight.data.mul_(0.5)
