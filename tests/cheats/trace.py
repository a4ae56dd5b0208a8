"""Sets a profile function, which Python would call also while the clock stands.

outcome: rejected: trace or profile function
"""

import sys

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        sys.setprofile(lambda *_: None)
