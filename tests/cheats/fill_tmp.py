"""Fills the machine's memory through the file systems that lie there.

outcome: no gain
"""

from pathlib import Path

import torch

from harness.submission import Submission


def fill(path):
    with path.open("wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


def attempt(what, function):
    try:
        function()
    except Exception as error:
        print("BLOCKED", what, error)
    else:
        print("STOLE", what)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        for place in ("/tmp", "/dev/shm", "/dev", "/"):
            attempt(place, lambda place=place: fill(Path(place) / "filler"))
