"""Makes itself root of a new namespace and takes the mounts away that hide or protect something.

outcome: blocked
"""

import ctypes
import os
import sys

from tests.cheat_kit import SGD, attempt

CLONE_NEWNS, CLONE_NEWUSER, MS_REMOUNT, MS_BIND = 0x20000, 0x10000000, 0x20, 0x1000


def uncover():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "no new namespace"
    writable = [
        path for path in (b"/", b"/usr", b"/finishline/data/train") if libc.mount(None, path, None, MS_REMOUNT | MS_BIND, None) == 0
    ]
    uncovered = [path for path in (b"/tmp", b"/finishline/data/train", b"/proc") if libc.umount2(path, 0) == 0]
    assert writable or uncovered, "every mount is locked"


class Cheat(SGD):
    def setup(self):
        super().setup()
        child = os.fork()
        if child == 0:
            attempt("mounts", uncover)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
