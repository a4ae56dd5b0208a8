"""Speaks to another process of the machine through a socket that has no place in the file system.

outcome: blocked
without the sandbox: steals
"""

import socket

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        end = socket.socket(socket.AF_UNIX)
        attempt("socket", lambda: end.connect(f"\0{self.hp.other}"[:100]))
