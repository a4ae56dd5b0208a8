"""AdamW with the REX profile."""

from harness.schedules import Schedule
from harness.submission import Submission
from submissions.common.adamw import adamw


class AdamWREX(Submission):
    """AdamW; eta (1 - z) / (1 - z / 2) with z = t / T, and no more than eta z / u; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        warmup = self.hp.warmup
        self.schedule = Schedule(self.optimizer, 0.0, self.horizon, lambda z: min(z / warmup, (1 - z) / (1 - z / 2)))
