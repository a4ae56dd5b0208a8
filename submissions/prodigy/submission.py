"""Prodigy: AdamW that estimates its rate."""

import torch

from harness.schedules import warmup_then_cosine
from harness.submission import Submission

FIRST = 1e-6


class Prodigy(torch.optim.Optimizer):
    """AdamW with the rate lr d; d = max(d, c r / |s|_1), r and s averaging <g, w0 - w> and g over all tensors."""

    def __init__(self, params, lr, betas, growth, bias_correction=True, safeguard_warmup=True):
        super().__init__(params, {"lr": lr, "weight_decay": 0.0})
        self.betas, self.growth, self.bias_correction, self.safeguard_warmup = betas, growth, bias_correction, safeguard_warmup
        self.t, device = 0, self.param_groups[0]["params"][0].device
        self.d, self.r = (torch.tensor(value, dtype=torch.float64, device=device) for value in (FIRST, 0.0))

    @torch.no_grad()
    def step(self):
        """Updates the estimate, then all tensors that have a gradient."""
        (beta1, beta2), d, self.t = self.betas, self.d, self.t + 1
        correction = (1 - beta2**self.t) ** 0.5 / (1 - beta1**self.t) if self.bias_correction else 1.0
        self.r, total = beta2**0.5 * self.r, 0.0
        pairs = [(group, w) for group in self.param_groups for w in group["params"] if w.grad is not None]
        for group, w in pairs:
            state, g, rate = self.state[w], w.grad, d * group["lr"] * correction
            if not state:
                state.update({"first": w.clone(), **{name: torch.zeros_like(w) for name in "smv"}})
            self.r += d / FIRST * rate * (g * (state["first"] - w)).sum(dtype=torch.float64)
            state["s"].mul_(beta2**0.5).add_(d / FIRST * (d if self.safeguard_warmup else rate) * g)
            state["m"].mul_(beta1).add_((1 - beta1) * d * g)
            state["v"].mul_(beta2).add_((1 - beta2) * (d * g).square())
            total += state["s"].abs().sum(dtype=torch.float64)
        self.d = torch.where(total > 0, torch.maximum(d, self.growth * self.r / total), d) if pairs else d
        for group, w in pairs:
            rate, state = d * group["lr"] * correction, self.state[w]
            w.sub_(rate * group["weight_decay"] * w).sub_(rate * state["m"] / (state["v"].sqrt() + self.d * 1e-8))


class ProdigyCosine(Submission):
    """Prodigy, linear warm-up and cosine to zero."""

    def setup(self):
        hp = self.hp
        self.optimizer = Prodigy(self.decay_groups(hp.weight_decay), hp.learning_rate, (hp.beta1, hp.beta2), hp.growth)
        self.schedule = warmup_then_cosine(self.optimizer, hp.warmup, self.horizon)
