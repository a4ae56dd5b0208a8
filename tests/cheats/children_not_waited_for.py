"""Works in children that leave nothing behind when they end (SA_NOCLDWAIT).

outcome: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

import ctypes
import signal

from tests.cheat_kit import SGD, burn_in_children, fork, libc

NO_CHILD_WAIT = 2


class Cheat(SGD):
    def setup(self):
        super().setup()
        action = (ctypes.c_int * 40)()
        action[34] = NO_CHILD_WAIT
        libc.sigaction(signal.SIGCHLD, action, None)

    def after(self, step):
        if step == 5:
            burn_in_children(fork)
