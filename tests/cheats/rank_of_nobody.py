"""Hands in the state of a rank that the trial does not have.

outcome: rejected: the state of rank 3 was handed in, which is one too many
sandbox: none
"""

import signal

from harness.trial.hand_in import write_state
from harness.trial.messages import RankState
from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel").send(RankState(rank=3), [write_state({})])
        signal.pause()
