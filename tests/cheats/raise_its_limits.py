"""Raises the limits that were set for it.

outcome: no gain
"""

import resource

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
        for limit in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            attempt(limit, lambda limit=limit: resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
