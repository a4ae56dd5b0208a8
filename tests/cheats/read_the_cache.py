"""Reads the validation and test data from the cache.

outcome: blocked
without the sandbox: steals
"""

from pathlib import Path

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        for split in ("valid", "test"):
            attempt(split, (Path(self.hp.data) / split / "columns.npz").read_bytes)
