"""Looks for the workload's name in its environment, arguments, folder and host name.

outcome: blocked
without the sandbox: steals
"""

import os
import socket
import sys

from tests.cheat_kit import SGD, attempt


def find(name, places):
    assert [place for place in places if name in place], "it is nowhere"


class Cheat(SGD):
    def setup(self):
        super().setup()
        places = [*os.environ.values(), *sys.argv, os.getcwd(), __file__, socket.gethostname(), str(self.workload)]
        attempt("name", lambda: find("toy", places))
