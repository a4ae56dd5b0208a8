"""AdamW with linear warm-up and linear decay to zero."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission


class AdamWLinearZero(Submission):
    """AdamW; eta (T - t) / (T - w) after warm-up; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        betas = (self.hp.beta1, self.hp.beta2)
        self.optimizer = torch.optim.AdamW(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, betas, fused=True)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, round(self.hp.horizon * self.horizon))
