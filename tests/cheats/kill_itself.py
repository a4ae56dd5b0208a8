"""Kills itself as the system would, so that it is started again.

outcome: no gain
by signals: no gain
sandbox: none
first: crashed
burns: 0.4
"""

import os
import signal

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            burn(0.4)
            os.kill(os.getpid(), signal.SIGKILL)
