"""Opens what it or a process above it has inherited: the log, files of the referee.

outcome: no gain
"""

import os
import stat

import torch

from harness.submission import Submission


def foreign_files():
    found = []
    for pid in (1, os.getpid()):
        for name in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{name}"
            if (
                os.path.exists(path)
                and stat.S_ISREG(os.stat(path).st_mode)
                and not os.readlink(path).endswith(("/scratch/progress", "/fd"))
            ):
                found.append(os.readlink(path))
    assert found, "there are none"
    print("found", found)


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
        attempt("descriptors", foreign_files)
