"""Prints more than a disk holds.

outcome: no gain
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        for _ in range(100):
            print("x" * 99_999)
