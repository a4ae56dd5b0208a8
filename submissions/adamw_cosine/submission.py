"""AdamW with linear warm-up and half a cosine to a share of the peak."""

import math

from harness.schedules import Schedule
from harness.submission import Submission
from submissions.common.adamw import adamw


class AdamWCosine(Submission):
    """AdamW; eta (f + (1 - f) (1 + cos(pi (t - w) / (T - w))) / 2) after warm-up; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        final = self.hp.final_share
        self.schedule = Schedule(
            self.optimizer, self.hp.warmup, self.horizon, lambda x: final + (1 - final) * 0.5 * (1 + math.cos(math.pi * x))
        )
