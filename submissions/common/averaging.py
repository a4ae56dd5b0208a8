"""Evaluating other weights than those that are trained."""

from collections import deque
from contextlib import contextmanager

import torch
from torch import nn

from harness.submission import Submission

BATCHES = 8


class AveragedWeights(Submission):
    """Trains as usual; evaluated is what `evaluated` returns, with BatchNorm statistics taken anew from the last batches."""

    def step(self, batch):
        super().step(batch)
        if not hasattr(self, "recent"):
            has_statistics = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.model.modules())
            self.recent = deque(maxlen=BATCHES if has_statistics else 0)
        self.recent.append(batch)

    def evaluated(self):
        """Returns the tensors to evaluate, in the order of the model's parameters."""
        raise NotImplementedError

    @contextmanager
    def eval_weights(self):
        with weights_swapped(self.model, self.evaluated(), getattr(self, "recent", ())):
            yield


@contextmanager
def weights_swapped(model, weights, batches):
    """Puts weights into a model, and into BatchNorm the statistics of batches, if there are any; puts all back on leaving, bit by bit."""
    tensors = [*model.parameters(), *model.buffers()]
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        with torch.no_grad():
            for parameter, weight in zip(model.parameters(), weights, strict=True):
                parameter.copy_(weight)
            if batches:
                take_statistics(model, batches)
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, kept, strict=True):
                tensor.copy_(value)
        model.train()


def take_statistics(model, batches):
    """Sets the running statistics of BatchNorm layers to the plain mean over batches; everything else is in evaluation mode meanwhile."""
    layers = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    for batch in batches:
        model(*batch.inputs)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.eval()


def copy_for_averaging(parameter):
    """Returns a copy in at least float32: in bfloat16 an average would stand still."""
    return parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32), copy=True)
