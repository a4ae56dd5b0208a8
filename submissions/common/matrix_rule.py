"""Optimizers with a rule for hidden matrices, and AdamW for all other tensors."""

import torch

from submissions.common.tensor_rule import TensorRule, adam_direction

MATRIX_ROLES = ("hidden", "conv")
FALLBACK_BETAS = (0.9, 0.95)


def matrix_groups(submission, weight_decay, lr, fallback_lr):
    """Returns three parameter groups: hidden and conv tensors (`matrix`), other tensors with weight decay, tensors without.

    Hidden tensors of fewer than two dimensions go to the others. The last two groups have the rate `fallback_lr`.
    """
    named = dict(submission.model.named_parameters())
    matrices = [p for name, p in named.items() if submission.roles[name] in MATRIX_ROLES and p.ndim > 1]
    chosen = set(map(id, matrices))
    groups = [{"params": matrices, "weight_decay": weight_decay, "lr": lr, "matrix": True}]
    for group in submission.decay_groups(weight_decay):
        groups.append({**group, "params": [p for p in group["params"] if id(p) not in chosen], "lr": fallback_lr, "matrix": False})
    return groups


class MatrixRule(TensorRule):
    """w <- w (1 - lr wd) - lr `direction`, where a conv tensor is taken as a matrix of out x (in kh kw); AdamW (0.9, 0.95) for the rest."""

    def update(self, w, g, state, group):
        """Makes one step."""
        if group["matrix"]:
            step = self.direction(g.reshape(len(g), -1), state, group).view(w.shape)
        else:
            if state["t"] == 1:
                state.update(m=torch.zeros_like(w), v=torch.zeros_like(w))
            step = adam_direction(g, state, FALLBACK_BETAS)
        w.sub_(group["lr"] * step)

    def direction(self, g, state, group):
        """Returns what is taken from a matrix, given its gradient; buffers are to be made where state["t"] is 1."""
        raise NotImplementedError
