"""The state of a submission as a graph of objects, saved and restored so that a trial that goes on is the same trial.

The graph starts at the submission and follows attributes, items, closures, hooks and gradients. Its nodes are the objects that can change
or be shared. The model's modules, parameters and buffers, and what the runner gave, are anchors: both processes have them, so they are
saved by name, and values of parameters are in the file with the weights. What refers to one object refers to one object afterwards.

    state = save(submission, anchors)        a JSON text and a list of byte tensors: torch.load(weights_only=True) reads it
    restore(state, submission, anchors)      after `setup`, into the objects that `setup` made
    compare(state, save(...))                the names of what is different, bit by bit

Restoring never calls a constructor or a function of the submission. Whatever cannot be saved or built again raises StateError with the
attribute's name, such as `self.ema[2].shadow`.
"""

from harness.state.anchors import Anchors, StateError, process_settings_kept
from harness.state.compare import compare, kinds
from harness.state.restore import restore
from harness.state.save import save

__all__ = ["Anchors", "StateError", "compare", "kinds", "process_settings_kept", "restore", "save"]
