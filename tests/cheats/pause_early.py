"""Asks for an evaluation before one is due: seen often enough, chance reaches the target.

outcome: rejected: the next is due at 160
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            hand_in(step=5, examples=80)
