"""Sends what is no message.

outcome: rejected: broke the protocol
sandbox: none
"""

import signal

from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel")._socket.send(b"junk")
        signal.pause()
