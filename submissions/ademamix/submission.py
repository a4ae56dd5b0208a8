"""AdEMAMix: AdamW with a second, slow momentum."""

import math

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule, adam_moments


class AdEMAMix(TensorRule):
    """w <- w (1 - lr wd) - lr (m_hat + alpha_t m2) / (sqrt(v_hat) + eps); alpha and beta3 of the slow m2 grow over `ramp` steps."""

    buffers = ("m", "v", "slow")

    def update(self, w, g, state, group):
        share, (beta1, beta2, beta3) = state["t"] / group["ramp"], group["betas"]
        log1, log3 = math.log(beta1), math.log(beta3)
        slow = min(math.exp(log1 * log3 / ((1 - share) * log3 + share * log1)), beta3) if share < 1 else beta3
        state["slow"].lerp_(g, 1 - slow)
        m, v = adam_moments(g, state, (beta1, beta2))
        w.sub_(group["lr"] * (m + group["alpha"] * min(share, 1) * state["slow"]) / (v.sqrt() + 1e-8))


class AdEMAMixLinear(Submission):
    """AdEMAMix, linear warm-up, straight line to zero."""

    def setup(self):
        hp, groups = self.hp, self.decay_groups(self.hp.weight_decay)
        betas = (hp.beta1, hp.beta2, hp.beta3)
        self.optimizer = AdEMAMix(groups, hp.learning_rate, betas=betas, alpha=hp.alpha, ramp=self.horizon)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
