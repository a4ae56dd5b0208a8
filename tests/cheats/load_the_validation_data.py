"""Has the workload load the validation data.

outcome: no gain
without the sandbox: steals
"""

import gc
from pathlib import Path

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
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        attempt("valid", lambda: runner.workload.load(Path(self.hp.data), "valid"))
