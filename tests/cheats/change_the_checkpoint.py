"""Crashes, and writes to the checkpoint that it is shown.

outcome: blocked
sandbox: none
checkpoints: always
first: crashed
"""

import os

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            os._exit(1)

    def load_state_dict(self, state):
        super().load_state_dict(state)
        found = [int(f) for f in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{f}")]
        shown = [f for f in found if "memfd:checkpoint" in os.readlink(f"/proc/self/fd/{f}")]
        for file in shown:
            attempt("write", lambda file=file: os.pwrite(file, b"better", 100))
