"""Trains in a process that has left the family (fork twice, setsid) while the clock stands.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.04
"""

import os

from tests.cheat_kit import SGD, burn_beside, fork


def leave(work):
    os.setsid()
    fork(work)


class Cheat(SGD):
    def setup(self):
        super().setup()
        burn_beside(lambda work: os.waitpid(fork(leave, work), 0))
