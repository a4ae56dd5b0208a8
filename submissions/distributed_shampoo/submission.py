"""Shampoo with the step sizes of Adam, for matrices in blocks; Adam for the rest."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule, adam_moments


class Shampoo(TensorRule):
    """S = (L + eps)^-1/4 m_hat (R + eps)^-1/4 times |P| / |S| for each block of a matrix, P Adam's direction; P before step `every`."""

    buffers = ("m", "v")

    def update(self, w, g, state, group):
        m, v = adam_moments(g, state, group["betas"])
        step = m / (v.sqrt() + 1e-8)
        if group["matrix"]:
            g, m, step = (x.reshape(len(x), -1) for x in (g, m, step))
            blocks = [(i, j) for i in range(0, len(g), group["block"]) for j in range(0, g.shape[1], group["block"])]
            sides = state.setdefault("sides", [None] * len(blocks))
            for number, (i, j) in enumerate(blocks):
                at = slice(i, i + group["block"]), slice(j, j + group["block"])
                sides[number] = sides[number] or [Side(g[at]), Side(g[at].mT)]
                left, right = (side.root(x, state["t"], group) for side, x in zip(sides[number], (g[at], g[at].mT), strict=True))
                if left is not None:
                    turned = (left @ m[at].to(left.dtype) @ right).to(step.dtype)
                    step[at] = turned * (step[at].norm() / turned.norm().clamp(min=1e-30))
        w.sub_(group["lr"] * step.view(w.shape))


class Side:
    """The average of x x^T and its inverse fourth root, in float32 at least."""

    def __init__(self, x):
        kind = torch.promote_types(x.dtype, torch.float32)
        self.average, self.inverse_root = torch.zeros(len(x), len(x), dtype=kind, device=x.device), None

    def root(self, x, t, group):
        """Adds x; returns the root of `every` steps ago at most, None before it was first taken."""
        x, beta2, eps = x.to(self.average.dtype), group["betas"][1], group["eps"]
        self.average.lerp_(x @ x.mT, 1 - beta2)
        if t % group["every"] == 0:
            values, vectors = torch.linalg.eigh(self.average / (1 - beta2**t))
            self.inverse_root = vectors * (values.clamp(min=0) + eps) ** -0.25 @ vectors.mT
        return self.inverse_root


class ShampooLinear(Submission):
    """Shampoo for hidden, conv and head tensors, linear warm-up, straight line to zero."""

    def setup(self):
        hp, names = self.hp, {id(p): name for name, p in self.model.named_parameters()}
        groups = []
        for group in self.decay_groups(hp.weight_decay):
            for matrix in (True, False):
                chosen = [p for p in group["params"] if (self.roles[names[id(p)]] in ("hidden", "conv", "head") and p.ndim > 1) is matrix]
                groups.append({**group, "params": chosen, "matrix": matrix})
        settings = {"betas": (hp.beta1, hp.beta2), "eps": hp.epsilon, "every": hp.every, "block": hp.block}
        self.optimizer = Shampoo(groups, hp.learning_rate, **settings)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
