"""Crashes, so that it is started again, and works while its state is restored and the clock stands.

outcome: no gain
again: it is resumed
hides: 2.0
"""

import os
import time
from pathlib import Path

import torch

from harness.submission import Submission

RESUMED = Path("/finishline/checkpoint").exists()


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        burn(4 if RESUMED else 0)

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        if self.told == 2 and not RESUMED:
            os._exit(1)
