"""Trains in a process that is woken when something changes in the trial's folder, which is when an evaluation has come out.

outcome: no gain
by signals: rejected: while the clock stands nothing may run
by signals in bwrap: blocked
evaluations: slow
sandbox: none
needs: the closed sandbox
"""

import fcntl
import os
import signal

from tests.cheat_kit import SGD, burn_forever, fork_and_wait

SET_SIGNAL = 10


def train(ready, folder):
    try:
        file = os.open(folder if os.path.isdir(folder) else "/tmp", os.O_RDONLY)
        fcntl.fcntl(file, SET_SIGNAL, signal.SIGCONT)
        fcntl.fcntl(file, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_CREATE | fcntl.DN_MULTISHOT)
    except PermissionError as error:
        print("BLOCKED", error, flush=True)
    else:
        ready()
        burn_forever()


class Cheat(SGD):
    def setup(self):
        super().setup()
        fork_and_wait(train, self.hp.trial)
