"""SGD with a rate in proportion to the batch, reached slowly."""

import math

import torch

from harness.schedules import Schedule
from harness.submission import Submission

RAMP_EPOCHS, RAMP_SHARE = 5, 0.1


class SGDLinearScaling(Submission):
    """eta = eta_256 B / 256 after a ramp from eta_256, then half a cosine to zero; Nesterov momentum."""

    def batch_size(self, workload):
        return self.hp.batch_factor * workload.reference_batch

    def setup(self):
        batch, horizon = self.batch_size(self.workload), self.horizon
        ramp = max(1, round(min(RAMP_EPOCHS * self.workload.num_samples / batch, RAMP_SHARE * horizon)))
        rate, first = self.hp.rate_256 * batch / 256, min(1.0, 256 / batch)

        def factor(z):
            t = round(z * horizon)
            return first + (1 - first) * (t - 1) / ramp if t <= ramp else 0.5 * (1 + math.cos(math.pi * (t - ramp) / (horizon - ramp)))

        self.optimizer = torch.optim.SGD(self.decay_groups(self.hp.weight_decay), rate, self.hp.momentum, nesterov=True)
        self.schedule = Schedule(self.optimizer, 0.0, horizon, factor)
