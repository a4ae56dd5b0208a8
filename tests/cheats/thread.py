"""Trains in a thread, also between a pause and the moment at which everything stands.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.04
"""

import threading

from tests.cheat_kit import SGD, burn_beside


class Cheat(SGD):
    def setup(self):
        super().setup()
        burn_beside(lambda work: threading.Thread(target=work, daemon=True).start())
