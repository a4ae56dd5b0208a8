"""InfoBatch: easy samples are dropped at random, on NadamW."""

import torch
import torch.distributed

from submissions.nadamw.submission import Reference


class InfoBatch(Reference):
    """Samples with a last loss below the mean are dropped with probability r, else weighted 1 / (1 - r); none in the last part of a run."""

    def setup(self):
        super().setup()
        samples = self.workload.num_samples
        self.scores = torch.full((samples,), float("nan"))  # NaN: not seen yet
        self.weights, self.easy = torch.ones(samples), torch.zeros(samples, dtype=torch.bool)
        self.drawn, self.steps, self.waiting = 0, 0, torch.zeros(0, dtype=torch.long)

    def select(self, stream):
        while len(self.waiting) < stream.batch_size:
            if self.drawn % stream.num_samples < stream.batch_size:  # a new epoch
                self.easy = self.scores < self.scores.nanmean()
            ids = stream.next_ids(stream.batch_size)
            self.drawn += len(ids)
            easy = self.easy[ids] & (self.steps < (1 - self.hp.full_share) * self.horizon)
            kept = ~easy | (torch.rand(len(ids), generator=self.generator) >= self.hp.drop)
            self.weights[ids] = torch.where(easy, 1 / (1 - self.hp.drop), 1.0)
            self.waiting = torch.cat([self.waiting, ids[kept]])
        ids, self.waiting = self.waiting[: stream.batch_size], self.waiting[stream.batch_size :]
        return stream.take(ids)

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        losses, ids = self.losses(batch), batch.ids.cpu()
        (losses * self.weights[ids].to(losses.device, losses.dtype)).mean().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm or float("inf"))
        self.optimizer.step()
        self.schedule.step()
        self.steps += 1
        self.keep_scores(batch.ids, losses.detach().float())

    def keep_scores(self, ids, losses):
        """Puts the losses of all ranks into the table."""
        if self.world_size > 1:
            all_ids, all_losses = ([torch.empty_like(x) for _ in range(self.world_size)] for x in (ids, losses))
            torch.distributed.all_gather(all_ids, ids, group=self.process_group)
            torch.distributed.all_gather(all_losses, losses, group=self.process_group)
            ids, losses = torch.cat(all_ids), torch.cat(all_losses)
        self.scores[ids.cpu()] = losses.cpu()
