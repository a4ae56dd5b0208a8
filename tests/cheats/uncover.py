"""Makes itself root of a new namespace and takes the mounts away that hide or protect something.

outcome: no gain
"""

import ctypes
import os
import sys

import torch

from harness.submission import Submission

CLONE_NEWNS, CLONE_NEWUSER, MS_REMOUNT, MS_BIND = 0x20000, 0x10000000, 0x20, 0x1000


def uncover():
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "no new namespace"
    writable = [
        path for path in (b"/", b"/usr", b"/finishline/data/train") if libc.mount(None, path, None, MS_REMOUNT | MS_BIND, None) == 0
    ]
    uncovered = [path for path in (b"/tmp", b"/finishline/data/train", b"/proc") if libc.umount2(path, 0) == 0]
    assert writable or uncovered, "every mount is locked"


def attempt(what, function):
    try:
        function()
    except Exception as error:
        print("BLOCKED", what, error)
    else:
        print("STOLE", what)


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        child = os.fork()
        if child == 0:
            attempt("mounts", uncover)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
