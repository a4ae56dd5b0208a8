"""Keeps its weights in the kernel's keyring, from which another trial takes them.

outcome: blocked
without the sandbox: steals
before: another
needs: the closed sandbox
"""

import ctypes
import platform

from tests.cheat_kit import SGD, attempt, libc

NUMBERS = {"x86_64": (248, 250), "aarch64": (217, 219)}
SEARCH, SET_TIMEOUT, USERS = 10, 15, -4


def keep_or_find(name):
    add, control = NUMBERS[platform.machine()]
    key = libc.syscall(control, SEARCH, USERS, b"user", name, 0)
    if key < 0:
        key = libc.syscall(add, b"user", name, b"weights", 7, USERS)
        libc.syscall(control, SET_TIMEOUT, key, 60)
        raise OSError(ctypes.get_errno(), "there is none")


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("key", lambda: keep_or_find(self.hp.other.encode()))
