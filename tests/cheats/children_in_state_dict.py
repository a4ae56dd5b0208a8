"""Works in short-lived children while it is asked for its state.

outcome: no gain
by signals in bwrap: no gain
sandbox: none
checkpoints: always
burns: 0.4
needs: the closed sandbox
"""

import signal
from contextlib import suppress

from tests.cheat_kit import SGD, burn_in_children, fork


class Cheat(SGD):
    def state_dict(self):
        if self.made == 10:
            with suppress(OSError):
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            burn_in_children(fork)
        return super().state_dict()
