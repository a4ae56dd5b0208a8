"""Tells the next trial something by which pages of a file that both are shown are in memory.

outcome: blocked
without the sandbox: steals
before: another
needs: the closed sandbox
"""

import ctypes
import hashlib
import os
import pydoc_data.topics

from tests.cheat_kit import SGD, attempt, libc

PAGE, STRIDE = 4096, 3


def in_memory(file, count):
    size = os.fstat(file).st_size
    libc.mmap.restype = ctypes.c_void_p
    where = libc.mmap(None, ctypes.c_size_t(size), 1, 1, file, ctypes.c_long(0))
    pages = (ctypes.c_ubyte * (size // PAGE + 1))()
    if libc.mincore(ctypes.c_void_p(where), ctypes.c_size_t(size), pages):
        raise OSError(ctypes.get_errno(), "not to be seen")
    return [pages[STRIDE * i] & 1 for i in range(count)]


def look(message):
    bits = [byte >> i & 1 for byte in message for i in range(8)]
    file = os.open(pydoc_data.topics.__file__, os.O_RDONLY)
    found = in_memory(file, len(bits))
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    for i, bit in enumerate(bits):
        if bit:
            os.pread(file, 1, PAGE * STRIDE * i)
    assert found == bits, "it was not the trial before"


class Cheat(SGD):
    def setup(self):
        super().setup()
        message = hashlib.sha256(self.hp.other.encode()).digest()[:4]
        attempt("pages", lambda: look(message))
