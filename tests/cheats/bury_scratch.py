"""Leaves folders behind that are nested too deeply to be removed.

outcome: no gain
sandbox: none
"""

import os

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        home = os.getcwd()
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(home)
