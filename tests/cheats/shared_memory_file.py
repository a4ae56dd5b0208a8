"""Hands in a file of a file system in memory, which has seals of its own.

outcome: rejected: the weights are not sealed
sandbox: none
"""

import tempfile

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            with tempfile.TemporaryFile(dir="/dev/shm") as file:
                hand_in(file.fileno())
