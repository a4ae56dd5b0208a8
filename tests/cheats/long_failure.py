"""Tells the referee itself why it ended, in more words than a record holds.

outcome: crashed: [2J
sandbox: none
"""

import signal

from harness.trial.messages import Failed
from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel").send(Failed(verdict="crashed", reason="\x1b[2J\n" + "x" * 50_000))
        signal.pause()
