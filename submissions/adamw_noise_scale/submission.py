"""AdamW with the batch size that the gradient noise asks for."""

import math

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.adamw import adamw

MEMORY, LARGEST, SMALLEST = 0.99, 8, 0.25


class AdamWNoiseScale(Submission):
    """B = kappa S / G2 as a power of two, from the norms of half and whole gradients; the rate grows as sqrt(B)."""

    clip_norm = 1.0

    def setup(self):
        self.optimizer = adamw(self)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
        self.batch, self.examples, self.steps = self.workload.reference_batch, 0, 0
        self.noise, self.power = (torch.zeros((), device=self.device) for _ in range(2))

    def select(self, stream):
        return stream.next(self.batch)

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        middle, parameters = len(batch) // 2, list(self.model.parameters())
        if middle:  # else half and whole are the same, and tell nothing
            (self.losses(batch[:middle]).sum() / len(batch)).backward()
            half = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None]) * len(batch) / middle
        (self.losses(batch[middle:]).sum() / len(batch)).backward()
        whole = torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm or float("inf"))
        if middle:
            whole_batch = len(batch) * self.world_size
            power, noise = power_and_noise(half.float(), whole.float(), middle * self.world_size, whole_batch)
            self.power.lerp_(power, 1 - MEMORY)
            self.noise.lerp_(noise, 1 - MEMORY)
        self.optimizer.step()
        self.steps += 1
        self.examples += len(batch) * self.world_size
        while self.examples >= self.schedule.t * self.workload.reference_batch:  # planned in steps of the reference batch
            self.schedule.step()
        if self.steps % max(1, round(self.hp.interval * self.horizon)) == 0:
            self.choose_batch()

    def choose_batch(self):
        """Sets batch and rates."""
        power, noise, reference = self.power.item(), self.noise.item(), self.workload.reference_batch
        if power <= 0 or noise <= 0:
            return
        wanted = 2 ** round(math.log2(self.hp.kappa * noise / power / reference))
        self.batch = max(self.world_size, round(min(max(wanted, SMALLEST), LARGEST) * reference))
        for group in self.optimizer.param_groups:
            group["initial_lr"] = self.hp.learning_rate * (self.batch / reference) ** 0.5


def power_and_noise(small_norm, large_norm, small, large):
    """Returns estimates of |G|^2 and tr(Sigma) from the norms of the mean gradients of two batches; sizes must differ."""
    if small == large:
        raise ValueError("the noise cannot be told from two batches of one size")
    power = (large * large_norm**2 - small * small_norm**2) / (large - small)
    return power, (small_norm**2 - large_norm**2) / (1 / small - 1 / large)
