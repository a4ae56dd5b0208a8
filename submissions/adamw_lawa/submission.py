"""AdamW; evaluated is the mean of the latest snapshots of the weights."""

from collections import deque

import torch

from harness.schedules import warmup_then_linear
from submissions.common.adamw import adamw
from submissions.common.averaging import AveragedWeights, copy_for_averaging


class AdamWLAWA(AveragedWeights):
    """The plain mean of the last k snapshots, one every nu steps; AdamW with a high rate and a straight line to zero."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
        self.every = max(1, round(self.hp.spacing * self.horizon))
        self.snapshots, self.steps = deque(maxlen=self.hp.snapshots), 0

    def step(self, batch):
        super().step(batch)
        self.steps += 1
        if self.steps % self.every == 0:
            self.snapshots.append([copy_for_averaging(p) for p in self.model.parameters()])

    def evaluated(self):
        if not self.snapshots:
            return list(self.model.parameters())
        return [torch.stack(of_one).mean(0) for of_one in zip(*self.snapshots, strict=True)]
