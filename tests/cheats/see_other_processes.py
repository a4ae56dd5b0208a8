"""Looks for any process that is not its own.

outcome: blocked
without the sandbox: steals
"""

import os
from pathlib import Path

from tests.cheat_kit import SGD, attempt


def other_processes():
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in os.listdir("/proc") if pid.isdigit()}
    assert [pid for pid, command in commands.items() if b"harness.trial.runner" not in command], "there are none"


class Cheat(SGD):
    def setup(self):
        super().setup()
        attempt("processes", other_processes)
