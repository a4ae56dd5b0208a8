"""The stream of training data: repeats by seed, covers each epoch, can go back to a position."""

from typing import Any

import torch

from harness.stream import Stream
from harness.workload import Batch


class Numbers:
    """Samples are their own ids, augmented by noise."""

    def batch(self, data: Any, ids: torch.Tensor, generator: torch.Generator | None) -> Batch:
        return Batch(ids, (ids + torch.rand(len(ids), generator=generator),), ids)


def stream(seed: int = 1, batch: int = 4) -> Stream:
    return Stream(Numbers(), range(10), batch, seed, torch.device("cpu"))


def test_an_epoch_has_every_sample_once_and_batches_are_full() -> None:
    s = stream()
    batches = [s.next() for _ in range(5)]
    assert all(len(b) == 4 for b in batches)
    ids = torch.cat([b.ids for b in batches]).tolist()
    assert sorted(ids[:10]) == sorted(ids[10:]) == list(range(10))
    assert ids[:10] != ids[10:]
    assert s.examples == 20


def test_repeats_bitwise_by_seed_and_differs_between_seeds() -> None:
    one, two, other = (stream(seed).next() for seed in (1, 1, 2))
    assert torch.equal(one.inputs[0], two.inputs[0])
    assert not torch.equal(one.inputs[0], other.inputs[0])


def test_goes_back_to_a_position() -> None:
    s = stream()
    for _ in range(3):
        s.next()
    state = s.state_dict()
    expected = [s.next().inputs[0] for _ in range(4)]
    again = stream()
    again.load_state_dict(state)
    assert all(torch.equal(e, again.next().inputs[0]) for e in expected)
    assert again.examples == s.examples


def test_samples_by_id_and_other_batch_sizes() -> None:
    s = stream()
    assert s.take(torch.tensor([7, 7, 2])).ids.tolist() == [7, 7, 2]
    assert s.examples == 3
    assert len(s.next(batch_size=25)) == 25
    assert len(s.next_ids(2)) == 2
    assert s.examples == 28
