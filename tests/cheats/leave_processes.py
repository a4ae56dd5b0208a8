"""Leaves processes behind that outlive it.

outcome: no gain
sandbox: none
"""

import os
import time

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        for _ in range(20):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
                os._exit(0)
