"""Stops the referee, works, and lets it go on.

outcome: blocked
burns: 0.4
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.cheat_kit import SGD, attempt, burn


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            assert Path("/finishline").exists(), "outside of the sandbox this would harm whoever runs it"
            for pid in (os.getppid(), self.hp.referee):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGSTOP)
            attempt("referee", lambda: os.kill(self.hp.referee, 0))
            burn(0.4)
