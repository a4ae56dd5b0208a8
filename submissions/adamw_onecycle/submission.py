"""AdamW with the 1cycle policy: the rate goes up and down once, the momentum the other way."""

import numpy as np

from harness.schedules import Schedule
from harness.submission import Submission
from submissions.common.adamw import adamw


class AdamWOneCycle(Submission):
    """AdamW; eta / 25 to eta and back in p T steps each, then down to eta / 1e4; beta1 from 0.95 to 0.85 and back; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        rise = self.hp.rise * self.horizon - 1
        self.corners = (0, rise, 2 * rise, self.horizon - 1)
        horizon, corners = self.horizon, self.corners
        self.schedule = Schedule(self.optimizer, 0.0, horizon, lambda z: float(np.interp(z * horizon - 1, corners, (0.04, 1, 0.04, 1e-4))))

    def step(self, batch):
        low, high = self.hp.beta1_low, self.hp.beta1
        for group in self.optimizer.param_groups:
            group["betas"] = (float(np.interp(self.schedule.t - 1, self.corners, (high, low, high, high))), self.hp.beta2)
        super().step(batch)
