"""Hands in a checkpoint without a state.

outcome: rejected: with 1 descriptors where 2 belong
sandbox: none
checkpoints: always
"""

from harness.trial.hand_in import write_weights
from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def state_dict(self):
        hand_in(write_weights(self.model), purpose="checkpoint", step=self.made, examples=16 * self.made)
