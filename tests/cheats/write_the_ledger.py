"""Writes to its own trial's folder, to its source, to the harness or to the data.

outcome: blocked
without the sandbox: steals
"""

import os

import torch

import harness
from tests.cheat_kit import SGD, attempt


def writable(path):
    assert os.access(path, os.W_OK), "it is not there, or read-only"


class Cheat(SGD):
    def setup(self):
        super().setup()
        for folder in (self.hp.trial, os.path.dirname(harness.__file__), __file__, self.hp.data, os.path.dirname(torch.__file__)):
            attempt(folder, lambda folder=folder: writable(folder))
