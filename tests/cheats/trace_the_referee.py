"""Attaches to the referee with ptrace.

outcome: no gain
"""

import ctypes
import os
from pathlib import Path

import torch

from harness.submission import Submission

PTRACE_SEIZE = 0x4206


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        libc = ctypes.CDLL(None, use_errno=True)
        assert Path("/finishline").exists(), "outside of the sandbox this would harm whoever runs it"
        attached = libc.ptrace(PTRACE_SEIZE, self.hp.referee, None, None) == 0
        print("STOLE" if attached else "BLOCKED", os.strerror(ctypes.get_errno()))
