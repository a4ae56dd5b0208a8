"""Hands in its own end of the channel to the referee.

outcome: rejected: the weights are no file in memory
sandbox: none
"""

from tests.cheat_kit import SGD, find, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(find("Channel")._socket.fileno())
