"""Says in a pause that it has made more steps than anybody can.

outcome: rejected: broke the protocol
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(step=10**18)
