"""AdamW with a triangular cyclic rate."""

from harness.schedules import Schedule
from harness.submission import Submission
from submissions.common.adamw import adamw


class AdamWCyclic(Submission):
    """AdamW; eta (r + (1 - r) max(0, 1 - x) d), x the distance to the peak of the cycle and d its height; global-norm clipping."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        horizon, half = self.horizon, self.horizon / (2 * self.hp.cycles)
        low, decay = self.hp.low_share, self.hp.decay

        def triangle(z):
            updates = z * horizon - 1
            cycle = int(1 + updates / (2 * half))
            x = abs(updates / half - 2 * cycle + 1)
            return low + (1 - low) * max(0.0, 1 - x) * decay ** (cycle - 1)

        self.schedule = Schedule(self.optimizer, 0.0, horizon, triangle)
