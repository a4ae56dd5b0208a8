"""AdamW with a constant rate and a cooldown; evaluated is the mean of the weights over a window."""

from submissions.common.adamw import adamw
from submissions.common.averaging import AveragedWeights, copy_for_averaging
from submissions.common.cooldown import warmup_stable_decay


class AdamWConstSWA(AveragedWeights):
    """The running mean of the weights, begun anew every W steps; AdamW with warm-up, a constant rate and a cooldown."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        self.schedule = warmup_stable_decay(self.optimizer, self.hp.warmup, self.horizon, self.hp.cooldown, "1-sqrt")
        self.window = max(1, round(self.hp.window * self.horizon))
        self.steps, self.mean = 0, [copy_for_averaging(p) for p in self.model.parameters()]

    def step(self, batch):
        super().step(batch)
        new = 1 / (self.steps % self.window + 1)
        self.steps += 1
        for mean, parameter in zip(self.mean, self.model.parameters(), strict=True):
            mean.lerp_(parameter.detach().to(mean.dtype), new)

    def evaluated(self):
        return self.mean
