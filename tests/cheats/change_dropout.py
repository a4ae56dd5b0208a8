"""Turns dropout off.

outcome: rejected: 'dropout' was changed (description, p)
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.model.dropout.p = 0.0
