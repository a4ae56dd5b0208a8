"""Makes the wait for the device before a pause return at once.

outcome: rejected: torch.cuda.synchronize was replaced
"""

import torch

from harness.submission import Submission


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        torch.cuda.synchronize = lambda *_: None
