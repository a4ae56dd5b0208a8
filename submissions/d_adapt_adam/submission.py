"""D-Adaptation: AdamW that estimates its rate."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission

FIRST, EPS = 1e-6, 1e-8


class DAdaptAdam(torch.optim.Optimizer):
    """AdamW with the rate lr d; d = max(d, r / ((1 - sqrt(b2)) |s|_1)), r and s averaging lr d <g, s / (sqrt(v) + eps)> and lr d g."""

    def __init__(self, params, lr, betas):
        super().__init__(params, {"lr": lr, "weight_decay": 0.0})
        device = self.param_groups[0]["params"][0].device
        self.betas = betas
        self.d, self.r = (torch.tensor(value, dtype=torch.float64, device=device) for value in (FIRST, 0.0))

    @torch.no_grad()
    def step(self):
        """Updates all tensors that have a gradient, then the estimate."""
        (beta1, beta2), root = self.betas, self.betas[1] ** 0.5
        products, total = 0.0, 0.0
        for group in self.param_groups:
            rate = self.d * group["lr"]
            for w in (w for w in group["params"] if w.grad is not None):
                state, g = self.state[w], w.grad
                if not state:
                    state.update({name: torch.zeros_like(w) for name in "smv"})
                products += rate * (g * state["s"] / (state["v"].sqrt() + EPS)).sum(dtype=torch.float64)
                state["m"].mul_(beta1).add_((1 - beta1) * rate * g)
                state["v"].mul_(beta2).add_((1 - beta2) * g.square())
                state["s"].mul_(root).add_((1 - root) * rate * g)
                total += state["s"].abs().sum(dtype=torch.float64)
                w.sub_(rate * group["weight_decay"] * w).sub_(state["m"] / (state["v"].sqrt() + EPS))
        self.r = root * self.r + (1 - root) * products
        if isinstance(total, torch.Tensor):
            self.d = torch.where(total > 0, torch.maximum(self.d, self.r / ((1 - root) * total)), self.d)


class DAdaptAdamLinear(Submission):
    """D-Adaptation on Adam, linear warm-up, straight line to zero."""

    def setup(self):
        self.optimizer = DAdaptAdam(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, (self.hp.beta1, self.hp.beta2))
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
