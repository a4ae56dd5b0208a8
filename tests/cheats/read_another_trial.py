"""Reads the weights that reached the target in another trial.

outcome: blocked
without the sandbox: steals
"""

from pathlib import Path

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("weights", Path(self.hp.other).read_bytes)
