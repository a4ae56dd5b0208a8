"""Adafactor: second moments of matrices by rows and columns."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission


class AdafactorLinear(Submission):
    """torch.optim.Adafactor, linear warm-up, straight line to zero."""

    def setup(self):
        self.optimizer = torch.optim.Adafactor(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, d=self.hp.clip_rms)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
