"""The training data as a submission sees them: an endless stream of batches in an order that the trial's seed fixes."""

from typing import Any

import torch
from torch import Tensor

from harness.base.seeds import derive
from harness.workload import Batch, Workload


class Stream:
    """Training samples, shuffled anew each epoch; a batch that spans two epochs is full.

    The order of epoch e depends on (seed, e) alone and the augmentation on the stream's own generator, so that two submissions
    with one seed see the same data, and a position is all that a checkpoint needs.

    With several ranks all of them ask for the same samples, and each is given its share: the n-th part of every batch, in order.
    `batch_size` and `examples` count those of all ranks.
    """

    def __init__(
        self, workload: Workload, data: Any, batch_size: int, seed: int, device: torch.device, rank: int = 0, world_size: int = 1
    ) -> None:
        self.num_samples = len(data)
        self.batch_size = batch_size
        self.examples = 0
        self._workload, self._data, self._seed, self._device = workload, data, seed, device
        self._augmentation = torch.Generator().manual_seed(derive(str(seed), "augmentation"))
        self._rank, self._world_size = rank, world_size
        self._position = 0
        self._order = (0, self._permutation(0))

    def next(self, batch_size: int | None = None) -> Batch:
        """Returns the next batch of the random order, of the submission's batch size unless told otherwise."""
        return self.take(self.next_ids(batch_size or self.batch_size))

    def next_ids(self, count: int) -> Tensor:
        """Returns the next `count` sample ids of the random order, shape (count,), without taking the samples."""
        parts = []
        while count > 0:
            epoch, start = divmod(self._position, self.num_samples)
            part = self._epoch(epoch)[start : start + count]
            self._position += len(part)
            count -= len(part)
            parts.append(part)
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def take(self, ids_B: Tensor) -> Batch:
        """Returns these samples (with several ranks this rank's share of them), augmented; they count as taken from the stream.

        Raises:
            ValueError: they cannot be dealt evenly to the ranks.
        """
        share, rest = divmod(len(ids_B), self._world_size)
        if rest:
            raise ValueError(f"a batch of {len(ids_B)} examples cannot be dealt evenly to {self._world_size} ranks")
        self.examples += len(ids_B)
        batch = self._workload.batch(self._data, ids_B, self._augmentation)
        return batch[self._rank * share : (self._rank + 1) * share].to(self._device)

    def state_dict(self) -> dict[str, Any]:
        """Returns the position and the state of the augmentation's generator."""
        place = {"examples": self.examples, "position": self._position, "batch_size": self.batch_size}
        return {**place, "augmentation": self._augmentation.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes to a position that `state_dict` returned."""
        self.examples, self._position, self.batch_size = state["examples"], state["position"], state["batch_size"]
        self._augmentation.set_state(state["augmentation"])

    def _epoch(self, epoch: int) -> Tensor:
        if self._order[0] != epoch:
            self._order = (epoch, self._permutation(epoch))
        return self._order[1]

    def _permutation(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive(str(self._seed), "epoch", str(epoch)))
        return torch.randperm(self.num_samples, generator=generator)
