"""Puts a function of its own in the place of the one that speaks to the referee.

outcome: rejected: Channel.send was replaced
sandbox: none
"""

from harness.trial.messages import Channel
from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        send = Channel.send
        Channel.send = lambda *given: send(*given)
