"""Works in children whose end is told to nobody.

outcome: no gain
by signals: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

import os
import platform

from tests.cheat_kit import SGD, burn_in_children, libc

CLONE = {"x86_64": 56, "aarch64": 220}


def quiet(work):
    if libc.syscall(CLONE[platform.machine()], 0, 0, 0, 0, 0) == 0:
        work()
        os._exit(0)


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            burn_in_children(quiet)
