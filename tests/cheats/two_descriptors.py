"""Hands in two sets of weights, of which the referee may take the better.

outcome: rejected: with 2 descriptors where 1 belong
sandbox: none
"""

from harness.trial.hand_in import write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(write_weights(self.model), write_weights(self.model))
