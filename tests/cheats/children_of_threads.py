"""Works in children of threads that have ended.

outcome: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

import signal
import threading
from contextlib import suppress

from tests.cheat_kit import SGD, burn_in_children, fork


def in_thread(work):
    thread = threading.Thread(target=fork, args=(work,))
    thread.start()
    thread.join()


class Cheat(SGD):
    def setup(self):
        super().setup()
        with suppress(OSError):
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def after(self, step):
        if step == 5:
            burn_in_children(in_thread)
