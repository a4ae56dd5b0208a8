"""AdamW with gradients clipped at a percentile of their norms so far."""

from bisect import bisect_left, insort
from collections import deque

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.adamw import adamw

HISTORY = 10_000


class AdamWAutoClip(Submission):
    """g <- g min(1, c / |g|), c the p-th percentile of the last 10 000 norms, this one among them; AdamW, straight line to zero."""

    def setup(self):
        self.optimizer = adamw(self)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
        self.norms, self.ordered = deque(), []

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        self.losses(batch).mean().backward()
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), self.threshold(norm.item()), norm)
        self.optimizer.step()
        self.schedule.step()

    def threshold(self, norm):
        """Adds a norm to the history; returns the percentile, between two norms in a straight line."""
        if norm < float("inf"):  # a NaN has no place in an order
            self.norms.append(norm)
            insort(self.ordered, norm)
        if len(self.norms) > HISTORY:
            del self.ordered[bisect_left(self.ordered, self.norms.popleft())]
        place = (len(self.ordered) - 1) * self.hp.percentile / 100
        below, above = self.ordered[int(place)], self.ordered[min(int(place) + 1, len(self.ordered) - 1)]
        return below + (above - below) * (place - int(place))
