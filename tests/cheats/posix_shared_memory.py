"""Leaves its weights in shared memory, from which another trial takes them.

outcome: blocked
without the sandbox: steals
before: another
"""

import hashlib
from pathlib import Path

from tests.cheat_kit import SGD, attempt


def keep_or_find(place):
    if not place.exists():
        place.write_bytes(b"weights")
        raise FileNotFoundError(place)
    place.unlink()


class Cheat(SGD):
    def setup(self):
        super().setup()
        name = hashlib.sha256(self.hp.other.encode()).hexdigest()
        attempt("shared memory", lambda: keep_or_find(Path("/dev/shm") / name))
