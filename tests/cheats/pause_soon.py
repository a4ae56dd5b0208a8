"""Says that the examples for the next evaluation were taken, much sooner than they could have been.

outcome: rejected: s later
sandbox: none
evaluations: rare
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        hand_in(step=1, examples=16 * 10**5)
