"""Reads the held-out data in the memory of its parent or of the referee.

outcome: no gain
without the sandbox: steals
"""

import torch

from harness.submission import Submission


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = next(line.split("-")[0] for line in maps if "[heap]" in line)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(int(start, 16))
        assert memory.read(16)


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
        attempt("memory", lambda: read_memory(self.hp.referee))
