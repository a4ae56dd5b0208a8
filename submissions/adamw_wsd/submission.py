"""AdamW with warm-up, a constant rate and a cooldown."""

from harness.submission import Submission
from submissions.common.adamw import adamw
from submissions.common.cooldown import warmup_stable_decay


class AdamWWSD(Submission):
    """AdamW; eta until (1 - c) T, then eta (1 - x) or eta (1 - sqrt(x)); global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        self.schedule = warmup_stable_decay(self.optimizer, self.hp.warmup, self.horizon, self.hp.cooldown, self.hp.shape)
