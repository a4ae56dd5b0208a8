"""Says in a pause words where numbers belong.

outcome: rejected: broke the protocol
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(examples="many")
