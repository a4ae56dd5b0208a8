"""Keeps its folder open, changes the clock's reading in there once it is the referee's checkpoint, and crashes.

outcome: no gain
again: it is resumed
hides: 1.5
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import torch

from harness.submission import Submission

RESUMED = Path("/finishline/checkpoint").exists()


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)

    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 3:
            time.sleep(1.5)

    def state_dict(self):
        self.folder = os.open("pending", os.O_RDONLY)
        return super().state_dict()

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        with suppress(FileNotFoundError), open(f"/proc/self/fd/{self.folder}/position.json", "r+") as file:
            position = json.load(file)
            position["reading"] = dict.fromkeys(position["reading"], 0.0)
            file.seek(0)
            file.truncate()
            json.dump(position, file)
        if self.told == 2 and not RESUMED:
            os._exit(1)
