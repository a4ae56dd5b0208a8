"""Leaves a message in a queue, from which another trial takes it.

outcome: blocked
without the sandbox: steals
before: another
"""

import ctypes
import hashlib
import os

from tests.cheat_kit import SGD, attempt, libc


def keep_or_find(name):
    queue = libc.mq_open(name, os.O_RDONLY)
    if queue < 0:
        libc.mq_open(name, os.O_RDONLY | os.O_CREAT, 0o600, None)
        raise OSError(ctypes.get_errno(), "there is none")
    libc.mq_unlink(name)


class Cheat(SGD):
    def setup(self):
        super().setup()
        name = "/" + hashlib.sha256(self.hp.other.encode()).hexdigest()
        attempt("queue", lambda: keep_or_find(name.encode()))
