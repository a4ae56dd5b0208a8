"""LAMB: AdamW with steps in proportion to the norm of each tensor."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule, adam_direction


class LAMB(TensorRule):
    """w <- w - lr (|w| / |u|) u with u = m_hat / (sqrt(v_hat) + 1e-6) + wd w; the ratio is 1 without `adapts` and where a norm is 0."""

    buffers = ("m", "v")
    decoupled = False

    def update(self, w, g, state, group):
        u = adam_direction(g, state, group["betas"], eps=1e-6) + group["weight_decay"] * w
        if group["adapts"]:
            of_w, of_u = w.norm(), u.norm()
            u = torch.where((of_w > 0) & (of_u > 0), of_w / of_u, 1.0) * u
        w.sub_(group["lr"] * u)


class LAMBLinear(Submission):
    """LAMB, linear warm-up, straight line to zero."""

    def setup(self):
        decayed, others = self.decay_groups(self.hp.weight_decay)
        groups = [{**decayed, "adapts": True}, {**others, "adapts": False}]
        self.optimizer = LAMB(groups, self.hp.learning_rate, betas=(self.hp.beta1, self.hp.beta2))
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
