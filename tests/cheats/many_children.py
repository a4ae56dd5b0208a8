"""Takes more memory than it may in many children, each of which takes little.

outcome: out_of_memory: GiB of memory together
sandbox: none
"""

import os
import time

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        for _ in range(4):
            if os.fork() == 0:
                held = b"x" * (1 << 28)
                time.sleep(60 + 0 * len(held))
        time.sleep(60)
