"""Trains in a process that a timer wakes with SIGCONT.

outcome: no gain
by signals in bwrap: blocked
evaluations: slow
sandbox: none
needs: the closed sandbox
"""

import ctypes
import os
import signal
import time

from tests.cheat_kit import SGD, burn_forever, fork_and_wait, libc


def train(ready):
    signal.signal(signal.SIGCONT, lambda *_: None)  # a timer whose signal would be ignored is not set again
    event, timer = (ctypes.c_int * 16)(), ctypes.c_void_p()
    event[2] = signal.SIGCONT
    if libc.timer_create(time.CLOCK_MONOTONIC, event, ctypes.byref(timer)):
        print("BLOCKED", os.strerror(ctypes.get_errno()), flush=True)
    else:
        libc.timer_settime(timer, 0, (ctypes.c_long * 4)(0, 1_000_000, 0, 1_000_000), None)
        ready()
        burn_forever()


class Cheat(SGD):
    def setup(self):
        super().setup()
        fork_and_wait(train)
