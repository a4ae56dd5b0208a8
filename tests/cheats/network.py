"""Opens a connection to the machine that it runs on.

outcome: no gain
without the sandbox: steals
"""

import socket

import torch

from harness.submission import Submission


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
        attempt("network", lambda: socket.create_connection(("127.0.0.1", self.hp.port), timeout=5))
