"""Lies about its steps where the referee looks for its display, and takes the file away under it.

outcome: no gain
sandbox: none
"""

import os

from tests.cheat_kit import SGD


class Cheat(SGD):
    def after(self, step):
        counter = next(f for f in os.listdir("/proc/self/fd") if "memfd:steps" in os.readlink(f"/proc/self/fd/{f}"))
        if step == 20:
            os.pwrite(int(counter), b"\xff" * 8, 0)
        elif step == 30:
            os.ftruncate(int(counter), 1_000_000_000)
