"""NadamW: AdamW with Nesterov momentum. The reference of the board."""

import torch

from harness.schedules import warmup_then_cosine
from harness.submission import Submission


class NAdamW(torch.optim.AdamW):
    """w <- w (1 - lr wd) - lr (n / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps) with m, v as in Adam and n = b1 m + (1 - b1) g.

    The fused AdamW kernel averages the gradient into its `exp_avg` once more: given m it steps with n.
    """

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if not self.state[p]:
                    self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
                    self.state[p].update({name: torch.zeros_like(p) for name in ("m", "exp_avg", "exp_avg_sq")})
            if params:
                m = [self.state[p]["m"] for p in params]
                torch._foreach_lerp_(m, [p.grad for p in params], 1 - group["betas"][0])
                torch._foreach_copy_([self.state[p]["exp_avg"] for p in params], m)
        super().step()


class Reference(Submission):
    """NadamW, linear warm-up and cosine to zero, global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        betas = (self.hp.beta1, self.hp.beta2)
        self.optimizer = NAdamW(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, betas, fused=True)
        self.schedule = warmup_then_cosine(self.optimizer, self.hp.warmup, self.horizon)
