"""Kills and stops its parent, process 1, the referee and everything else that it can reach.

outcome: blocked
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        assert Path("/finishline").exists(), "outside of the sandbox this would harm whoever runs it"
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (os.getppid(), 1, -1):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        try:
            os.kill(self.hp.referee, 0)
        except (ProcessLookupError, PermissionError) as error:
            print("BLOCKED", error)
        else:
            print("STOLE")
