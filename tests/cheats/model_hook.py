"""Works in a hook of the model that is called when its weights are written, while the clock stands.

outcome: no gain
hides: 1.5
"""

import time

import torch

from harness.submission import Submission


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        calls = iter([2])
        self.model.register_state_dict_pre_hook(lambda *_: burn(next(calls, 0)))
