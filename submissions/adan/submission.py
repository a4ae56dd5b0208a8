"""Adan: adaptive Nesterov momentum."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule


class Adan(TensorRule):
    """w <- (w - lr (m_hat + b2 q_hat) / (sqrt(n_hat) + eps)) / (1 + lr wd), q averaging the differences d of gradients, n (g + b2 d)^2."""

    buffers = ("m", "q", "n")
    decoupled = False

    def update(self, w, g, state, group):
        t, (beta1, beta2, beta3) = state["t"], group["betas"]
        difference = g - state["last"] if t > 1 else torch.zeros_like(g)
        state["last"] = g.clone()
        state["m"].lerp_(g, 1 - beta1)
        state["q"].lerp_(difference, 1 - beta2)
        state["n"].lerp_((g + beta2 * difference).square(), 1 - beta3)
        direction = state["m"] / (1 - beta1**t) + beta2 * state["q"] / (1 - beta2**t)
        step = direction / ((state["n"] / (1 - beta3**t)).sqrt() + 1e-8)
        w.sub_(group["lr"] * step).div_(1 + group["lr"] * group["weight_decay"])


class AdanLinear(Submission):
    """Adan, linear warm-up, straight line to zero."""

    def setup(self):
        betas = (self.hp.beta1, self.hp.beta2, self.hp.beta3)
        self.optimizer = Adan(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, betas=betas)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
