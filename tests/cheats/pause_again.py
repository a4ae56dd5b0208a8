"""Has the weights of one step evaluated twice: among several that it may choose from, chance reaches the target.

outcome: rejected: an evaluation was asked for at step 10
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def on_eval(self, evaluation):
        super().on_eval(evaluation)
        if self.told == 2:
            hand_in(step=10, examples=320)
