"""Optimizers whose update is a formula for one tensor."""

import torch


class TensorRule(torch.optim.Optimizer):
    """Calls `update` for each tensor that has a gradient, after decoupled weight decay w <- w (1 - lr wd) if `decoupled`.

    `state` holds "t", the number of this update from 1, and what `buffers` names: tensors like the weight that start at zero.
    """

    buffers = ()
    decoupled = True

    def __init__(self, params, lr, weight_decay=0.0, **settings):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **settings})

    @torch.no_grad()
    def step(self):
        """Updates all tensors that have a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is None:
                    continue
                state = self.state[w]
                if not state:
                    state.update({"t": 0, **{name: torch.zeros_like(w) for name in self.buffers}})
                state["t"] += 1
                if self.decoupled:
                    w.mul_(1 - group["lr"] * group["weight_decay"])
                self.update(w, w.grad, state, group)

    def update(self, w, g, state, group):
        """Changes the weight w, given its gradient g."""
        raise NotImplementedError


def adam_moments(g, state, betas):
    """Updates state["m"] and state["v"] with a gradient; returns both with the bias corrected, m / (1 - b1^t) and v / (1 - b2^t)."""
    state["m"].lerp_(g, 1 - betas[0])
    state["v"].lerp_(g.square(), 1 - betas[1])
    return state["m"] / (1 - betas[0] ** state["t"]), state["v"] / (1 - betas[1] ** state["t"])


def adam_direction(g, state, betas, eps=1e-8):
    """Returns m_hat / (sqrt(v_hat) + eps), updating state["m"] and state["v"]."""
    m, v = adam_moments(g, state, betas)
    return m / (v.sqrt() + eps)
