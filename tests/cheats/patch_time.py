"""Sets the clocks of its process to stand still.

outcome: rejected: time.monotonic was replaced
sandbox: none
"""

import time

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        time.monotonic = lambda: 0.0
