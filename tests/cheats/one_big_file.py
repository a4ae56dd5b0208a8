"""Makes a file that is larger than any disk.

outcome: no gain
"""

import os

import torch

from harness.submission import Submission


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
        attempt("file", lambda: os.truncate(os.open("big", os.O_RDWR | os.O_CREAT), 1 << 40))
