"""Sends a message of no bytes, which looks like the end of the connection, and works on.

outcome: crashed: closed its channel to the referee
sandbox: none
"""

from tests.cheat_kit import SGD, burn_forever, find


class Cheat(SGD):
    def after(self, step):
        find("Channel")._socket.send(b"")
        burn_forever()
