"""Sends a message nested so deeply that whoever reads it runs out of stack.

outcome: rejected: broke the protocol
sandbox: none
"""

import signal

from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        find("Channel")._socket.send(b"\x91" * 60_000)
        signal.pause()
