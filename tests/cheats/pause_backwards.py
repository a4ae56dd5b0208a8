"""Says in a pause that it has made fewer steps than before.

outcome: rejected: after step 10 with 160
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 15:
            hand_in(step=2, examples=320)
