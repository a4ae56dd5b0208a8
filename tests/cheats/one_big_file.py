"""Makes a file that is larger than any disk.

outcome: blocked
sandbox: none
"""

import os

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("file", lambda: os.truncate(os.open("big", os.O_RDWR | os.O_CREAT), 1 << 40))
