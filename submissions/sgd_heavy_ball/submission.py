"""SGD with heavy-ball momentum, linear warm-up and linear decay to zero."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission


class SGDHeavyBall(Submission):
    """g <- g + wd w; b <- mu b + g; w <- w - eta b; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), self.hp.learning_rate, self.hp.momentum, weight_decay=self.hp.weight_decay
        )
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
