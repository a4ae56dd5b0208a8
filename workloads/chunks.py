"""Evaluating a held-out split in chunks, on all cores: the runner is frozen meanwhile, and this time is off the clock but not free."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def over_chunks(function: Callable[[Tensor], Tensor], ids_N: Tensor, chunk: int, device: torch.device) -> Tensor:
    """Returns the results of a function of sample ids, chunk by chunk, concatenated in order.

    On the CPU the chunks run in as many threads as there are cores; each is computed as it would be alone, so that the result does not
    depend on how many there are.
    """
    chunks = ids_N.split(chunk)
    if device.type != "cpu":
        return torch.cat([function(ids) for ids in chunks])
    gradients, threads = torch.is_grad_enabled(), torch.get_num_threads()

    def alone(ids: Tensor) -> Tensor:
        torch.set_num_threads(threads)
        with torch.set_grad_enabled(gradients):
            return function(ids)

    with ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)) // threads)) as pool:
        return torch.cat(list(pool.map(alone, chunks)))
