"""Trains in a thread while the clock stands.

outcome: no gain
evaluations: slow
"""

import os
import threading
import time

import torch

from harness.submission import Submission


def work(file):
    """Would train; counts how often it was held up for as long as an evaluation takes."""
    last, held = time.monotonic(), 0
    while True:
        now = time.monotonic()
        held, last = held + (now - last > 0.25), now
        os.pwrite(file, held.to_bytes(8, "little"), 0)
        time.sleep(0.002)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.file = os.open("held", os.O_RDWR | os.O_CREAT)
        threading.Thread(target=work, args=(self.file,), daemon=True).start()

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        held = int.from_bytes(os.pread(self.file, 8, 0), "little")
        print("BLOCKED" if held >= self.told - 2 else "STOLE", f"held up {held} times in {self.told} evaluations")
