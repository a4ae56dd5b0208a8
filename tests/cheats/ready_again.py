"""Says again how long a pass takes, so that evaluations may follow each other sooner.

outcome: rejected: said Ready where only Paused may come
sandbox: none
"""

import signal

from harness.trial.messages import Ready
from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel").send(Ready(pass_s=0.0))
        signal.pause()
