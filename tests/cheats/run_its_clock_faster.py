"""Switches off the guard and has its process's clock run faster, so that evaluations may follow each other sooner.

outcome: rejected: s later
sandbox: none
evaluations: rare
"""

import time

from harness.trial.guard import Guard
from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        Guard.check = lambda guard: None
        true = time.monotonic
        time.monotonic = lambda: 10_000 * true()

    def select(self, stream):
        batch = super().select(stream)
        stream.examples += 16 * 10**5
        return batch
