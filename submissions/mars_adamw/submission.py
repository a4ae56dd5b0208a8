"""MARS in its approximate form, on AdamW."""

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule, adam_direction


class MARS(TensorRule):
    """AdamW on c = g + gamma b1 / (1 - b1) (g - g_last), clipped to norm 1; tensors of fewer than two dimensions get plain AdamW."""

    buffers = ("m", "v", "last")

    def update(self, w, g, state, group):
        beta1, corrected = group["betas"][0], g
        if w.ndim > 1:
            corrected = g + group["gamma"] * beta1 / (1 - beta1) * (g - state["last"])
            corrected = corrected / corrected.norm().clamp(min=1)
            state["last"].copy_(g)
        w.sub_(group["lr"] * adam_direction(corrected, state, group["betas"]))


class MARSLinear(Submission):
    """MARS-AdamW, linear warm-up, straight line to zero."""

    def setup(self):
        hp, groups = self.hp, self.decay_groups(self.hp.weight_decay)
        self.optimizer = MARS(groups, hp.learning_rate, betas=(hp.beta1, hp.beta2), gamma=hp.gamma)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
