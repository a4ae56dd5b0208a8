"""SOAP: Adam in the eigenbasis of Shampoo, for hidden matrices; AdamW for the rest."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.matrix_rule import MatrixRule, matrix_groups

MAX_SIDE = 10_000


class SOAP(MatrixRule):
    """u = Q_L ((Q_L^T m Q_R) / (sqrt(v) + eps)) Q_R^T, v averaging the squares of Q_L^T g Q_R; a first step fills the averages alone."""

    decoupled = False

    def update(self, w, g, state, group):
        if not group["matrix"]:
            w.mul_(1 - group["lr"] * group["weight_decay"])
        super().update(w, g, state, group)
        if group["matrix"] and state["t"] > 1:
            w.mul_(1 - group["lr"] * group["weight_decay"])

    def direction(self, g, state, group):
        beta, k, g = group["beta"], state["t"] - 1, g.to(torch.promote_types(g.dtype, torch.float32))
        if k == 0:
            state.update(m=torch.zeros_like(g), v=torch.zeros_like(g))
            sides = [torch.zeros(n, n, dtype=g.dtype, device=g.device) if n <= MAX_SIDE else None for n in g.shape]
            state["sides"], state["bases"] = sides, [None, None]
        step = torch.zeros_like(g)
        if k > 0:
            state["m"].lerp_(g, 1 - beta)
            state["v"].lerp_(turned(g, state["bases"]).square(), 1 - beta)
            step = turned(turned(state["m"], state["bases"]) / (state["v"].sqrt() + 1e-8), state["bases"], back=True)
            step = step * (1 - beta**k) ** 0.5 / (1 - beta**k)
        for dim, side in enumerate(state["sides"]):
            if side is not None:
                side.lerp_(g.mT @ g if dim else g @ g.mT, 1 - beta)
                if k == 0:
                    state["bases"][dim] = torch.linalg.eigh(side)[1].flip(1)
                elif k % group["every"] == 0:
                    self.refresh(state, dim)
        return step

    def refresh(self, state, dim):
        """One power iteration and QR, with the columns of the basis and what v holds of them in the order of their eigenvalues."""
        side, basis = state["sides"][dim], state["bases"][dim]
        order = (basis * (side @ basis)).sum(0).argsort(descending=True)
        state["v"] = state["v"].index_select(dim, order)
        state["bases"][dim] = torch.linalg.qr(side @ basis[:, order])[0]


def turned(x, bases, back=False):
    """Returns Q_L^T x Q_R, or Q_L x Q_R^T; a basis of None is the identity."""
    left, right = bases
    if left is not None:
        x = (left if back else left.mT) @ x
    return x if right is None else x @ (right.mT if back else right)


class SOAPLinear(Submission):
    """SOAP, linear warm-up, straight line to zero."""

    def setup(self):
        hp = self.hp
        groups = matrix_groups(self, hp.weight_decay, hp.learning_rate, hp.learning_rate * hp.fallback_factor)
        self.optimizer = SOAP(groups, hp.learning_rate, beta=hp.beta, every=hp.every)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
