"""Hands in checkpoints that nobody has asked for, to have the clock stand.

outcome: rejected: a checkpoint was handed in that nobody had asked for
sandbox: none
"""

from harness.trial.hand_in import write_state, write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(write_weights(self.model), write_state({}), purpose="checkpoint")
