"""Gives a reason for its end that is long, and that moves the cursor of whoever shows it.

outcome: crashed: [2J
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def after(self, step):
        raise RuntimeError("\x1b[2J" + "x" * 10**6)
