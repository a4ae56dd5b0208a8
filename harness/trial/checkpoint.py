"""Checkpoints: the runner writes a state aside, the referee takes it over whole and adds the clock.

    checkpoint/step_<n>/   weights.safetensors  state.pt     from the runner; to the referee opaque but for the weights
                           state_<rank>.pt                   the same of each further rank
                           position.json                     from the referee, written last: sha256 of the others, seconds so far

The last two are kept; a damaged one is passed over for the one before.
"""

import hashlib
import json
import os
import random
import shutil
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.files import sync_folder, write_atomically
from harness.trial.clock import Reading

WEIGHTS, STATE, POSITION = "weights.safetensors", "state.pt", "position.json"
KEPT = 2
STATE_FACTOR, STATE_EXTRA_BYTES = 64, 1 << 30
"""The state may have so many times the bytes of the weights, and so many more."""


def state_of(rank: int) -> str:
    """Returns the name of the file with the state of a rank."""
    return f"state_{rank}.pt" if rank else STATE


class HandedIn(ValueError):
    """What the runner handed in cannot be taken; the message says why."""


@dataclass(frozen=True)
class Position:
    """Where a trial stood when its checkpoint was written, as the referee knows it."""

    step: int
    examples: int
    done: bool
    reading: Reading
    host_memory_bytes: int
    device_memory_bytes: int


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on disk."""

    folder: Path
    position: Position


class CheckpointStore:
    """The checkpoints of one trial, on the referee's side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def accept(self, pending: Path, position: Position, weights_bytes: int, ranks: int = 1) -> Checkpoint:
        """Takes over what the (frozen) runner wrote to `pending`; on return it is durable.

        This one and the one before are kept; others go, also damaged ones of later steps. The files move to a folder of the referee's
        own: the runner may still hold a descriptor of its folder.

        Raises:
            HandedIn: the files are not there, are not what they should be, or are larger than the model's `weights_bytes` allow.
        """
        aside = self._folder / ".part"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        limits = {WEIGHTS: most_bytes(weights_bytes)}
        limits |= {state_of(rank): STATE_FACTOR * weights_bytes + STATE_EXTRA_BYTES for rank in range(ranks)}
        try:
            source = os.open(pending, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise HandedIn(f"{pending.name}/ cannot be read ({error.strerror})") from None
        try:
            files = {name: hash_handed_in(Path(name), limit, folder=source) for name, limit in limits.items()}
            for name in files:
                os.rename(name, aside / name, src_dir_fd=source)
        finally:
            os.close(source)
        write_atomically(aside / POSITION, json.dumps({"sha256": files, **asdict(position)}))
        folder = self._folder / f"step_{position.step:08d}"
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
        sync_folder(self._folder)
        everything = self._newest_first()
        for other in set(everything).difference([f for f in everything if f.name <= folder.name][:KEPT]):
            shutil.rmtree(other, ignore_errors=True)
        return Checkpoint(folder, position)

    def latest(self) -> Checkpoint | None:
        """Returns the newest whole checkpoint, or None."""
        for folder in self._newest_first():
            try:
                values = json.loads((folder / POSITION).read_text())
                if all(sha256(folder / name) == digest for name, digest in values.pop("sha256").items()):
                    return Checkpoint(folder, Position(**{**values, "reading": Reading(**values["reading"])}))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return None

    def clear(self) -> None:
        """Removes all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("step_*"), reverse=True)


def save_weights(model: nn.Module, path: Path, instead: Mapping[str, Tensor] | None = None) -> None:
    """Writes parameters and buffers of a model, some of them replaced, as safetensors, each tensor contiguous and on its own."""
    tensors = {**model.state_dict(), **(instead or {})}
    save_file({name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Copies saved weights into a model of the same layout; strides stay those of the model.

    Raises:
        ValueError: names, shapes or types differ, in the words of a rejection.
    """
    given, expected = load_file(path), model.state_dict()
    if given.keys() != expected.keys():
        raise ValueError(f"the model's tensors changed: {', '.join(sorted(given.keys() ^ expected.keys())[:3])} added or missing")
    for name, tensor in expected.items():
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype:
            was, now = f"{tuple(tensor.shape)} {tensor.dtype}", f"{tuple(given[name].shape)} {given[name].dtype}"
            raise ValueError(f"the model's tensor {name} changed from {was} to {now}")
    with torch.no_grad():
        for name, tensor in expected.items():
            tensor.copy_(given[name])


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes the runner's state: numbers, strings, tensors and containers of them."""
    torch.save(state, path)


def load_state(path: Path) -> dict[str, Any]:
    """Reads what `save_state` wrote; nothing in the file is executed."""
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


def most_bytes(weights_bytes: int) -> int:
    """Returns how large a file of weights may be that is looked into at all; what a model of another size is, its tensors tell."""
    return 2 * weights_bytes + (1 << 20)


def hash_handed_in(path: Path, limit_bytes: int, folder: int | None = None) -> str:
    """Makes a file that the (frozen) runner wrote durable and returns its sha256; `path` may be relative to an open `folder`.

    Raises:
        HandedIn: it is missing, a link, a pipe or another thing that is no plain file, has a second name, or more than `limit_bytes`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise HandedIn(f"{path.name} cannot be read ({error.strerror})") from None
    with open(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise HandedIn(f"{path.name} is no plain file with one name")
        if facts.st_size > limit_bytes:
            raise HandedIn(f"{path.name} has {facts.st_size} bytes, at most {limit_bytes} may be")
        os.fsync(handle)
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(path: Path) -> str:
    """Returns the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
