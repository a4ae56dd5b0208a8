"""Switches off the guard in its process and with it stops that process's clocks.

outcome: no gain
sandbox: none
burns: 0.4
"""

import time

from harness.trial.guard import Guard
from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def setup(self):
        super().setup()
        Guard.check = lambda guard: None
        time.time = time.perf_counter = time.process_time = lambda: 0.0

    def after(self, step):
        if step == 3:
            burn(0.4)
