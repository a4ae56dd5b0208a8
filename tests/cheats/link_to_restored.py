"""Crashes, and proves with a link to the checkpoint that it came back with the checkpoint's weights.

outcome: rejected: restored.safetensors cannot be read
again: it is resumed
"""

import gc
import os
import time
from pathlib import Path

import torch

from harness.submission import Submission
from harness.trial.messages import Written

RESUMED = Path("/finishline/checkpoint").exists()


def channel():
    gc.unfreeze()
    return next(thing for thing in gc.get_objects() if type(thing).__name__ == "Channel")


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        if self.told == 2 and not RESUMED:
            os._exit(1)

    def load_state_dict(self, state):
        os.symlink(f"{self.hp.trial}/checkpoint/step_00000010/weights.safetensors", "restored.safetensors")
        channel().send(Written(False))
        time.sleep(60)
