"""Keeps what it hands in open, to change it while it is evaluated or kept.

outcome: blocked
sandbox: none
checkpoints: always
"""

import builtins
import mmap
import os

from tests.cheat_kit import SGD, attempt

builtins.kept = []  # not the module's own: its globals are part of the state, which may not change so


class Cheat(SGD):
    def setup(self):
        super().setup()
        create = os.memfd_create
        os.memfd_create = lambda *given: builtins.kept.append(create(*given)) or os.dup(builtins.kept[-1])

    def on_eval(self, evaluation):
        super().on_eval(evaluation)
        for file in builtins.kept[-3:]:
            attempt("write", lambda file=file: os.pwrite(file, b"better", 100))
            attempt("cut", lambda file=file: os.ftruncate(file, 0))
            attempt("map", lambda file=file: mmap.mmap(file, 8))
            attempt("open again", lambda file=file: os.pwrite(os.open(f"/proc/self/fd/{file}", os.O_RDWR), b"better", 100))
