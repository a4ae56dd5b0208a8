"""Fills the machine's memory through the file systems that lie there.

outcome: blocked
"""

from pathlib import Path

from tests.cheat_kit import SGD, attempt


def fill(path):
    with path.open("wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))


class Cheat(SGD):
    def setup(self):
        super().setup()
        for place in (".", "/tmp", "/dev/shm", "/dev", "/"):
            attempt(place, lambda place=place: fill(Path(place) / "filler"))
