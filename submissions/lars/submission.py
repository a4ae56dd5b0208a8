"""LARS: SGD with the rate of each matrix in proportion to its norm."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule


class LARS(TensorRule):
    """b <- mu b + q (g + wd w), w <- w - lr b with q = tau |w| / (|g| + wd |w|), or 1 if a norm is 0; vectors: b <- mu b + g."""

    buffers = ("b",)
    decoupled = False

    def update(self, w, g, state, group):
        decay = group["weight_decay"]
        if w.ndim > 1:
            of_w, of_g = w.norm(), g.norm()
            trust = torch.where((of_w > 0) & (of_g > 0), group["trust"] * of_w / (of_g + decay * of_w), 1.0)
            g = trust * (g + decay * w)
        state["b"].mul_(group["momentum"]).add_(g)
        w.sub_(group["lr"] * state["b"])


class LARSLinear(Submission):
    """LARS, linear warm-up, straight line to zero."""

    def setup(self):
        hp = self.hp
        self.optimizer = LARS(self.model.parameters(), hp.learning_rate, hp.weight_decay, momentum=hp.momentum, trust=hp.trust)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
