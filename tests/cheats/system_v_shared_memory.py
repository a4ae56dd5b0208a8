"""Leaves its weights in a shared memory segment, from which another trial takes them.

outcome: blocked
without the sandbox: steals
before: another
"""

import ctypes
import zlib

from tests.cheat_kit import SGD, attempt, libc

CREATE, REMOVE = 0o1000, 0


def keep_or_find(key):
    segment = libc.shmget(key, 4096, 0o600)
    if segment < 0:
        libc.shmget(key, 4096, 0o600 | CREATE)
        raise OSError(ctypes.get_errno(), "there is none")
    libc.shmctl(segment, REMOVE, None)


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("segment", lambda: keep_or_find(zlib.crc32(self.hp.other.encode()) & 0x7FFFFFFF))
