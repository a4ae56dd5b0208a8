"""Trains in two processes of which each wakes the other all the time.

outcome: no gain
by signals: no gain
by signals in bwrap: blocked
evaluations: slow
sandbox: none
needs: the closed sandbox
"""

import os
import signal

from tests.cheat_kit import SGD, fork, fork_and_wait


def wake(ready, other):
    try:
        os.kill(other(), signal.SIGCONT)
        ready()
        while True:
            os.kill(other(), signal.SIGCONT)
    except PermissionError as error:
        print("BLOCKED", error, flush=True)


def wake_each_other(ready):
    second = fork(wake, ready, os.getppid)
    wake(ready, lambda: second)


class Cheat(SGD):
    def setup(self):
        super().setup()
        fork_and_wait(wake_each_other)
