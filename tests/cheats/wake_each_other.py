"""Trains in two processes of which each wakes the other all the time.

outcome: no gain
evaluations: slow
"""

import os
import signal
import time

import torch

from harness.submission import Submission


def work(file, other):
    """Would train; counts how often both were held up for as long as an evaluation takes."""
    while True:
        os.kill(other(), signal.SIGCONT)
        now, last = time.monotonic_ns(), int.from_bytes(os.pread(file, 8, 8), "little")
        if last and now - last > 250_000_000:
            os.pwrite(file, (int.from_bytes(os.pread(file, 8, 0), "little") + 1).to_bytes(8, "little"), 0)
        os.pwrite(file, now.to_bytes(8, "little"), 8)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        self.file = os.open("held", os.O_RDWR | os.O_CREAT)
        first = os.fork()
        if first == 0:
            second = os.fork()
            work(self.file, os.getppid if second == 0 else lambda: second)

    def on_eval(self, evaluation):
        self.told = getattr(self, "told", 0) + 1
        held = int.from_bytes(os.pread(self.file, 8, 0), "little")
        print("BLOCKED" if held >= self.told - 2 else "STOLE", f"held up {held} times in {self.told} evaluations")
