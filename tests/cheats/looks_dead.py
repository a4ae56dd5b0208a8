"""Trains in a process whose first thread has ended, so that it looks like a zombie.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.04
"""

import platform
import threading

from tests.cheat_kit import SGD, burn_beside, fork, libc

EXIT_THREAD = {"x86_64": 60, "aarch64": 93}


def look_dead(work):
    threading.Thread(target=work).start()
    libc.syscall(EXIT_THREAD[platform.machine()], 0)


class Cheat(SGD):
    def setup(self):
        super().setup()
        burn_beside(lambda work: fork(look_dead, work))
