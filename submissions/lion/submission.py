"""Lion: the sign of a momentum."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule


class Lion(TensorRule):
    """w <- w (1 - lr wd) - lr sign(b1 m + (1 - b1) g); then m <- b2 m + (1 - b2) g."""

    buffers = ("m",)

    def update(self, w, g, state, group):
        beta1, beta2 = group["betas"]
        w.sub_(group["lr"] * torch.sign(g.lerp(state["m"], beta1)))
        state["m"].lerp_(g, 1 - beta2)


class LionLinear(Submission):
    """Lion, linear warm-up, straight line to zero."""

    def setup(self):
        self.optimizer = Lion(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, betas=(self.hp.beta1, self.hp.beta2))
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
