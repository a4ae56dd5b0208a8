"""Looks for the workload's name in its environment, arguments, folder and host name.

outcome: no gain
without the sandbox: steals
"""

import os
import socket
import sys

import torch

from harness.submission import Submission


def find(name, places):
    assert [place for place in places if name in place], "it is nowhere"


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
        places = [*os.environ.values(), *sys.argv, os.getcwd(), __file__, socket.gethostname(), str(self.workload)]
        attempt("name", lambda: find("toy", places))
