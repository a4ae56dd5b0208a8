"""Trains in a forked child while the clock stands.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.04
"""

from tests.cheat_kit import SGD, burn_beside, fork


class Cheat(SGD):
    def setup(self):
        super().setup()
        burn_beside(fork)
