"""Reads the held-out data in the memory of its parent or of the referee.

outcome: blocked
without the sandbox: steals
"""

from tests.cheat_kit import SGD, attempt


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = next(line.split("-")[0] for line in maps if "[heap]" in line)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(int(start, 16))
        assert memory.read(16)


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("memory", lambda: read_memory(self.hp.referee))
