"""Puts a function of its own in the place of the one that speaks to the referee.

outcome: rejected: Channel.send was replaced
"""

import torch

from harness.submission import Submission
from harness.trial.messages import Channel


class Cheat(Submission):
    def setup(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.hp.learning_rate, momentum=0.9)
        send = Channel.send
        Channel.send = lambda channel, message: send(channel, message)
