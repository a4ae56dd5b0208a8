"""Crashes, so that it is started again, and works while its state is restored.

outcome: no gain
by signals: no gain
sandbox: none
checkpoints: always
first: crashed
burns: 0.4
"""

import os

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def load_state_dict(self, state):
        super().load_state_dict(state)
        burn(0.4)
