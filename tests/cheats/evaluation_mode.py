"""Trains in evaluation mode, in which there is no dropout.

outcome: rejected: left in evaluation mode
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.model.eval()
