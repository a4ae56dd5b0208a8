"""AdamW; evaluated is an exponential moving average of the weights."""

from harness.schedules import warmup_then_linear
from submissions.common.adamw import adamw
from submissions.common.averaging import AveragedWeights, copy_for_averaging


class AdamWEMA(AveragedWeights):
    """e <- rho^k e + (1 - rho^k) w after each step, with k times the reference batch and sqrt(k) times the rate."""

    clip_norm = 1.0

    def batch_size(self, workload):
        return self.hp.batch_factor * workload.reference_batch

    def setup(self):
        self.optimizer = adamw(self, rate_factor=self.hp.batch_factor**0.5)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
        self.average = [copy_for_averaging(p) for p in self.model.parameters()]

    def step(self, batch):
        super().step(batch)
        new = 1 - self.hp.momentum**self.hp.batch_factor
        for average, parameter in zip(self.average, self.model.parameters(), strict=True):
            average.lerp_(parameter.detach().to(average.dtype), new)

    def evaluated(self):
        return self.average
