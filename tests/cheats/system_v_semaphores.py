"""Leaves a number in a semaphore, from which another trial takes it.

outcome: blocked
without the sandbox: steals
before: another
"""

import ctypes
import zlib

from tests.cheat_kit import SGD, attempt, libc

CREATE, REMOVE = 0o1000, 0


def keep_or_find(key):
    semaphores = libc.semget(key, 1, 0o600)
    if semaphores < 0:
        libc.semget(key, 1, 0o600 | CREATE)
        raise OSError(ctypes.get_errno(), "there is none")
    libc.semctl(semaphores, 0, REMOVE)


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("semaphore", lambda: keep_or_find(zlib.crc32(self.hp.other.encode()) & 0x7FFFFFFF))
