"""Sees by a lock on a file that all are shown whether another trial has set one.

outcome: blocked
without the sandbox: steals
needs: the closed sandbox
"""

import fcntl
import os

import harness
from tests.cheat_kit import SGD, attempt


def see_a_lock(path):
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    raise OSError("there is none")


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("lock", lambda: see_a_lock(harness.__file__))
