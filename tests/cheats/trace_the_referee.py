"""Attaches to the referee with ptrace.

outcome: blocked
"""

import ctypes
import os
from pathlib import Path

from tests.cheat_kit import SGD

PTRACE_SEIZE = 0x4206


class Cheat(SGD):
    def setup(self):
        super().setup()
        libc = ctypes.CDLL(None, use_errno=True)
        assert Path("/finishline").exists(), "outside of the sandbox this would harm whoever runs it"
        attached = libc.ptrace(PTRACE_SEIZE, self.hp.referee, None, None) == 0
        print("STOLE" if attached else "BLOCKED", os.strerror(ctypes.get_errno()))
