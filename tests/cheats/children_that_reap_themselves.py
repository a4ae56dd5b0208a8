"""Works in children that are nobody's of the runner: each is its parent's sibling (CLONE_PARENT), and in the end of a family that forgets.

outcome: no gain
by signals: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

import os
import platform

from tests.cheat_kit import SGD, burn_in_children, fork, libc

CLONE = {"x86_64": 56, "aarch64": 220}
CLONE_PARENT, SIGCHLD = 0x8000, 17


def sibling(work):
    child = libc.syscall(CLONE[platform.machine()], CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)
    if child < 0:
        fork(work)
    elif child == 0:
        work()
        os._exit(0)


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            burn_in_children(sibling)
