"""Writes to its own trial's folder, to its source, to the harness or to the data.

outcome: no gain
without the sandbox: steals
"""

import os

import torch

import harness
from harness.submission import Submission


def writable(path):
    assert os.access(path, os.W_OK), "it is not there, or read-only"


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
        for folder in (self.hp.trial, os.path.dirname(harness.__file__), __file__, self.hp.data, os.path.dirname(torch.__file__)):
            attempt(folder, lambda folder=folder: writable(folder))
