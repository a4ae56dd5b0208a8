"""AdamW with a small batch and moments that remember as many examples as at the reference batch."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission


class AdamWSmallBatch(Submission):
    """beta' = beta^(B' / B): half-lives are fixed in examples; the rate stays as it is."""

    def batch_size(self, workload):
        return max(1, round(self.hp.batch_share * workload.reference_batch))

    def setup(self):
        share = self.batch_size(self.workload) / self.workload.reference_batch
        betas = (self.hp.beta1**share, self.hp.beta2**share)
        self.optimizer = torch.optim.AdamW(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, betas, fused=True)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
