"""Works when its process ends.

outcome: missed: done after 20 steps
sandbox: none
"""

import atexit

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        atexit.register(print, "STOLE")

    def done(self):
        return self.made == 20
