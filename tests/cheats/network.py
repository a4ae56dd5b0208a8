"""Opens a connection to the machine that it runs on.

outcome: blocked
without the sandbox: steals
"""

import socket

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("network", lambda: socket.create_connection(("127.0.0.1", self.hp.port), timeout=5))
