"""Says that it hands in weights, and hands in nothing.

outcome: rejected: with 0 descriptors where 1 belong
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in()
