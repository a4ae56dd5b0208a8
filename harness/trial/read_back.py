"""Proving that a state brings the same trial back: it is read, restored into a second submission, saved again and compared bit by bit.

The runner does so before it hands in its first checkpoint and whenever the state holds something of a new kind; `finishline check` at
several points of its rehearsal. All of it is on the clock.
"""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness.state import StateError, compare, kinds, process_settings_kept, restore, save
from harness.submission import Submission, anchors_of, overrides
from harness.trial.checkpoint import load_state, random_state, set_random_state
from harness.trial.hand_in import write_state
from harness.trial.memory_file import path_of

NAMED = 4


def submission_state(submission: Submission) -> dict[str, Any]:
    """Returns what a checkpoint holds of a submission.

    One that overrides `state_dict` answers for its attributes; gradients, hooks and flags of the model are saved all the same.
    """
    own = overrides(submission, "state_dict")
    return {
        "submission": submission.state_dict(),
        "generator": submission.generator.get_state(),
        "model": save(None, anchors_of(submission)) if own else None,
    }


def restore_submission(submission: Submission, state: Mapping[str, Any]) -> None:
    """Brings a submission that has been set up, with the weights in its model, to what `submission_state` returned."""
    submission.load_state_dict(state["submission"])
    if state["model"] is not None:
        restore(state["model"], None, anchors_of(submission))
    submission.generator.set_state(state["generator"])


def write_readable_state(state: dict[str, Any]) -> int:
    """Returns the descriptor of a sealed file with a runner's state.

    Raises:
        StateError: it could not be written, or not be read without executing it; the message names the attribute.
    """
    try:
        return write_state(state)
    except Exception as error:
        raise _unreadable(state, error) from error


def read(state: dict[str, Any], path: Path | str) -> dict[str, Any]:
    """Returns a state that was written, as a process that goes on reads it; raises StateError when it cannot be read."""
    try:
        return load_state(path)
    except Exception as error:
        raise _unreadable(state, error) from error


def not_restored(submission: Submission, twin: Submission) -> list[str]:
    """Returns the names of all in which two submissions, their models and gradients differ."""
    found = compare(everything(submission), everything(twin))
    if overrides(submission, "state_dict") and not found:
        states = [save(one.state_dict(), anchors_of(one), opaque=True) for one in (submission, twin)]
        found = [name.replace("self", "state_dict()", 1) for name in compare(*states)]
    return found + [f"self.model.{name}" for name in changed_weights(submission.model.state_dict(), twin.model.state_dict())]


def changed_weights(weights: Mapping[str, torch.Tensor], others: Mapping[str, torch.Tensor]) -> list[str]:
    """Returns the names of tensors that differ in any bit."""
    return [name for name in weights if not _same_bits(weights[name], others[name])]


def everything(submission: Submission) -> dict[str, Any]:
    """Returns all state that is reached from a submission; what it alone can save, by overriding `state_dict`, is not looked into."""
    return save(submission, anchors_of(submission), opaque=overrides(submission, "state_dict"))


class ReadBack:
    """Reads back what a trial hands in, once for each kind of thing that its state holds."""

    def __init__(self) -> None:
        self._proven: frozenset[str] = frozenset()

    def is_due(self, submission: Submission, state: Mapping[str, Any]) -> bool:
        """Whether the state holds something of a kind (name, type, shape, sharing) that has not been read back yet."""
        self._now = kinds(everything(submission) if overrides(submission, "state_dict") else state["submission"])
        return not self._now <= self._proven

    def prove(self, submission: Submission, state: dict[str, Any], file: int, make_twin: Callable[[], Submission]) -> None:
        """Restores the file into a twin, which `make_twin` builds and sets up; leaves no trace in this process.

        Raises:
            StateError: the file cannot be read, or the twin is not like the submission; the message says in what.
        """
        with undisturbed(submission):
            given = read(state, path_of(file))
            twin = make_twin()
            copy_weights(submission.model, twin.model)
            restore_submission(twin, given)
            lost = not_restored(submission, twin)
        if lost:
            raise StateError(f"{some(lost)} would be different after going on from this checkpoint")
        self._proven |= self._now


@contextmanager
def undisturbed(submission: Submission) -> Iterator[None]:
    """Puts random generators, settings of the process and the submission's module back afterwards."""
    name = type(submission).__module__
    module, streams = sys.modules.get(name), random_state()
    try:
        with process_settings_kept():
            yield
    finally:
        set_random_state(streams)
        if module is not None:
            sys.modules[name] = module


def copy_weights(model: nn.Module, twin: nn.Module) -> None:
    """Copies parameters and buffers, in place."""
    with torch.no_grad():
        for ours, theirs in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
            theirs.copy_(ours)


def some(names: list[str]) -> str:
    """Returns the first names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _unreadable(state: Mapping[str, Any], error: Exception) -> StateError:
    """Returns an error that names the part of a submission's state that cannot be written and read."""
    for key, value in state["submission"].items():
        try:
            _round_trip({key: value})
        except Exception as cause:
            return StateError(f"self.{key} ({type(value).__name__}) cannot be read back: {_line(cause)}")
    return StateError(f"it cannot be read back: {_line(error)}")


def _round_trip(state: dict[str, Any]) -> None:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    torch.load(file, weights_only=True)


def _same_bits(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    one, other = (x.detach().contiguous().reshape(-1).view(torch.uint8) for x in (ours, theirs))
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and torch.equal(one, other)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
