"""Schedule-Free AdamW."""

import torch

from submissions.common.schedule_free import ScheduleFree, ScheduleFreeSubmission


class ScheduleFreeAdamW(ScheduleFree):
    """The direction is g / (sqrt(v / (1 - b2^t)) + eps): Adam without momentum."""

    def direction(self, g, state, group):
        beta2 = group["beta2"]
        if "v" not in state:
            state.update(v=torch.zeros_like(g), t=0)
        state["t"] += 1
        state["v"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        return g / ((state["v"] / (1 - beta2 ** state["t"])).sqrt() + 1e-8)


class AdamWWithoutSchedule(ScheduleFreeSubmission):
    """Schedule-Free AdamW after a linear warm-up."""

    def setup(self):
        hp = self.hp
        self.start(ScheduleFreeAdamW(self.decay_groups(hp.weight_decay), hp.learning_rate, 0.0, hp.beta, beta2=hp.beta2))
