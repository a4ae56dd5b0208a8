"""Checkpoints: the runner hands in weights and state in sealed memory, the referee copies them to disk and adds the clock.

    checkpoint/step_<n>/   weights.safetensors  state.pt     to the referee opaque but for the weights
                           state_<rank>.pt                   the same of each further rank
                           position.json                     from the referee, written last: sha256 of the others, seconds so far

The last two are kept; a damaged one is passed over for the one before.
"""

import os
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.base.files import file_sha256, sync_folder, write_atomically
from harness.trial.clock import Reading
from harness.trial.memory_file import memory_file, path_of, sealed

WEIGHTS, STATE, POSITION = "weights.safetensors", "state.pt", "position.json"
KEPT = 2


def state_of(rank: int) -> str:
    """Returns the name of the file with the state of a rank."""
    return f"state_{rank}.pt" if rank else STATE


@dataclass(frozen=True)
class Position:
    """Where a trial stood when its checkpoint was written, as the referee knows it; `evaluations` is how many were made before it."""

    step: int
    examples: int
    evaluations: int
    reading: Reading
    host_memory_bytes: int
    device_memory_bytes: int


@dataclass(frozen=True)
class _Manifest:
    """The content of position.json."""

    sha256: Mapping[str, str]
    position: Position


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on disk."""

    folder: Path
    position: Position


class CheckpointStore:
    """The checkpoints of one trial, on the referee's side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, files: Mapping[str, Path], position: Position) -> Checkpoint:
        """Copies what the runner handed in, by the name of the file that it becomes, to disk; on return it is durable.

        This one and the one before are kept; others go, also damaged ones of later steps.
        """
        part = self._folder / ".part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        digests = {name: copy_durably(path, part / name) for name, path in files.items()}
        write_atomically(part / POSITION, msgspec.json.encode(_Manifest(sha256=digests, position=position)))
        folder = self._folder / f"step_{position.step:08d}"
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(part, folder)
        sync_folder(self._folder)
        everything = self._newest_first()
        for other in set(everything).difference([f for f in everything if f.name <= folder.name][:KEPT]):
            shutil.rmtree(other, ignore_errors=True)
        return Checkpoint(folder, position)

    def latest(self) -> Checkpoint | None:
        """Returns the newest whole checkpoint, or None."""
        for folder in self._newest_first():
            try:
                written = msgspec.json.decode((folder / POSITION).read_bytes(), type=_Manifest)
                if all(file_sha256(folder / name) == digest for name, digest in written.sha256.items()):
                    return Checkpoint(folder, written.position)
            except (OSError, msgspec.DecodeError):
                continue
        return None

    def clear(self) -> None:
        """Removes all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("step_*"), reverse=True)


@contextmanager
def files_to_restore(checkpoint: Path | None, ranks: range) -> Iterator[list[int]]:
    """Yields descriptors of sealed copies of a checkpoint's weights and of the states of some ranks; none without a checkpoint.

    They are copies in memory so that a runner learns no path from them.
    """
    descriptors = []
    try:
        for name in (WEIGHTS, *map(state_of, ranks)) if checkpoint is not None else ():
            assert checkpoint is not None
            descriptors.append(memory_file("checkpoint"))
            shutil.copyfile(checkpoint / name, path_of(descriptors[-1]))
            sealed(descriptors[-1])
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def load_weights(model: nn.Module, path: Path | str) -> None:
    """Copies saved weights into a model of the same layout; strides stay those of the model.

    Raises:
        ValueError: names, shapes or types differ, in the words of a rejection.
    """
    given, expected = load_file(path), model.state_dict()
    if given.keys() != expected.keys():  # defence: the model's names stay
        raise ValueError(f"the model's tensors changed: {', '.join(sorted(given.keys() ^ expected.keys())[:3])} added or missing")
    for name, tensor in expected.items():
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype:  # defence: the model's shapes stay
            was, now = f"{tuple(tensor.shape)} {tensor.dtype}", f"{tuple(given[name].shape)} {given[name].dtype}"
            raise ValueError(f"the model's tensor {name} changed from {was} to {now}")
    with torch.no_grad():
        for name, tensor in expected.items():
            tensor.copy_(given[name])


def load_state(path: Path | str) -> dict[str, Any]:
    """Reads what `hand_in.write_state` wrote; nothing in the file is executed."""
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def random_state() -> dict[str, Any]:
    """Returns the state of every global random generator: Python's, numpy's, torch's, each device's."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    cuda: list[Tensor] = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Puts back what `random_state` returned."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def copy_durably(source: Path, target: Path) -> str:
    """Copies a file, makes the copy durable and returns its sha256."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return file_sha256(target)
