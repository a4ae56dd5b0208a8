"""Adam-atan2: Adam without an epsilon, with rates by fan-in if wanted."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule, adam_moments

SCALE, REFERENCE_FAN_IN = 1.27, 256


class AdamAtan2(TensorRule):
    """w <- w (1 - lr wd) - lr 1.27 atan2(m_hat, sqrt(v_hat))."""

    buffers = ("m", "v")

    def update(self, w, g, state, group):
        m, v = adam_moments(g, state, group["betas"])
        w.sub_(group["lr"] * SCALE * torch.atan2(m, v.sqrt()))


class AdamAtan2Linear(Submission):
    """The rates of hidden and head matrices are multiplied by (fan_in / 256)^-e; linear warm-up, straight line to zero."""

    def setup(self):
        hp, groups = self.hp, []
        fan_in = {id(p): p[0].numel() for name, p in self.model.named_parameters() if self.roles[name] in ("hidden", "head") and p.ndim > 1}
        for group in self.decay_groups(hp.weight_decay):
            for p in group["params"]:
                factor = (fan_in.get(id(p), REFERENCE_FAN_IN) / REFERENCE_FAN_IN) ** -hp.exponent
                groups.append({**group, "params": [p], "lr": hp.learning_rate * factor})
        self.optimizer = AdamAtan2(groups, hp.learning_rate, betas=(hp.beta1, hp.beta2))
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
