"""AdamW with a free share of warm-up and a free norm to clip to."""

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.adamw import adamw


class AdamWWarmupClip(Submission):
    """g <- g min(1, c / |g|) over all tensors; AdamW; warm-up and a straight line to zero."""

    def setup(self):
        self.clip_norm = self.hp.clip_norm
        self.optimizer = adamw(self)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
