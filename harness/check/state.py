"""Comparing states bit by bit, and saving them as a checkpoint does."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class NotSaved(Exception):
    """A part of a state that cannot be written, or not read back; the message names it."""


def saved(state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy that went through `torch.save` and `torch.load(weights_only=True)`, as a checkpoint's does.

    Raises:
        NotSaved: a part cannot; its key and why.
    """
    try:
        return _round_trip(dict(state))
    except Exception as error:
        for key, value in state.items():
            try:
                _round_trip({key: value})
            except Exception as cause:
                raise NotSaved(f"self.{key} ({type(value).__name__}): {_line(cause)}") from None
        raise NotSaved(_line(error)) from None


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Returns the paths at which two states differ in any bit."""
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        same = ours.shape == theirs.shape and ours.dtype == theirs.dtype and _same_bits(ours, theirs)
        return [] if same else [path]
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        parts = [(f"{path}.{key}" if path else str(key), ours.get(key), theirs.get(key)) for key in keys]
        return [name for key, one, other in parts for name in differences(one, other, key)]
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        return [name for i, pair in enumerate(zip(ours, theirs, strict=True)) for name in differences(*pair, f"{path}[{i}]")]
    return [] if type(ours) is type(theirs) and (ours == theirs or (ours != ours and theirs != theirs)) else [path]


def _same_bits(ours: Tensor, theirs: Tensor) -> bool:
    return bool(torch.equal(ours, theirs)) or bool(torch.equal(ours.nan_to_num(1.25), theirs.nan_to_num(1.25)))


def _round_trip(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    result: dict[str, Any] = torch.load(file, weights_only=True)
    return result


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
