"""Says that it failed, with the verdict that it has reached the target.

outcome: rejected: broke the protocol
sandbox: none
"""

import signal

from harness.trial.messages import Failed
from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel").send(Failed(verdict="reached", reason="a miracle"))
        signal.pause()
