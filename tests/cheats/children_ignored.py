"""Works in children whose processor time the system forgets, since their parent ignores SIGCHLD.

outcome: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

import signal
from contextlib import suppress

from tests.cheat_kit import SGD, burn_in_children, fork


class Cheat(SGD):
    def setup(self):
        super().setup()
        with suppress(OSError):
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def after(self, step):
        if step == 5:
            burn_in_children(fork)
