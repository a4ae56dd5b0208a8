"""Sends more than any message holds.

outcome: rejected: a message of more than
sandbox: none
"""

import signal
import socket

from tests.cheat_kit import SGD, find


class Cheat(SGD):
    def after(self, step):
        end = find("Channel")._socket
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        end.send(b"junk" * 20_000)
        signal.pause()
