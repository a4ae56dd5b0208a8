"""Writing what a runner hands in: weights with the layout of safetensors, without a copy in between, and the whole state.

The time that this takes is on the submission's clock.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.trial.memory_file import memory_file, sealed

MAX_VECTORS = 512  # of one writev, below IOV_MAX
_TYPES = {
    **{torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.bool: "BOOL"},
    **{torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8"},
}


def write_weights(model: nn.Module, replaced: Mapping[str, Tensor] | None = None) -> int:
    """Returns the descriptor of a sealed file with the parameters and buffers of a model, some of them `replaced`."""
    tensors = {**model.state_dict(), **(replaced or {})}
    on_host = [tensor.detach().cpu().contiguous() for tensor in tensors.values()]
    parts = [memoryview(tensor.reshape(-1).view(torch.uint8).numpy()) for tensor in on_host if tensor.numel()]
    descriptor = memory_file("weights")
    _write(descriptor, [memoryview(_header(tensors)), *parts])
    return sealed(descriptor)


def weights_bytes(model: nn.Module) -> int:
    """Returns the size of what `write_weights` writes for a model, in bytes."""
    tensors = model.state_dict()
    return len(_header(tensors)) + sum(tensor.nbytes for tensor in tensors.values())


def write_state(state: dict[str, Any]) -> int:
    """Returns the descriptor of a sealed file with a runner's state: numbers, strings, tensors and containers of them."""
    descriptor = memory_file("state")
    with open(descriptor, "wb", closefd=False) as file:
        torch.save(state, file)
    return sealed(descriptor)


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    """Returns the head of a safetensors file: its length (8 bytes, little-endian), then JSON, padded so that the data are aligned."""
    fields, offset = {}, 0
    for name, tensor in tensors.items():
        fields[name] = {"dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(fields).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _write(descriptor: int, parts: list[memoryview]) -> None:
    while parts:
        written = os.writev(descriptor, parts[:MAX_VECTORS])
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if written:
            parts[0] = parts[0][written:]
