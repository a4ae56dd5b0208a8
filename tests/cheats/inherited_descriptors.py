"""Opens what it or a process above it has inherited: the log, files of the referee.

outcome: blocked
"""

import os
import stat

from tests.cheat_kit import SGD, attempt


def foreign_files():
    paths = [f"/proc/{pid}/fd/{name}" for pid in (1, os.getpid()) for name in os.listdir(f"/proc/{pid}/fd")]
    files = [os.readlink(path) for path in paths if os.path.exists(path) and stat.S_ISREG(os.stat(path).st_mode)]
    assert [file for file in files if not file.startswith("/memfd:")], "there are none"


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("descriptors", foreign_files)
