"""Orthogonalised momentum, as Muon and its descendants use it."""

import torch


def newton_schulz(m):
    """Returns a matrix with the singular vectors of m and singular values of about 0.7 to 1.2: five quintic iterations.

    x <- m / (|m| + 1e-7); five times a = x x^T, x <- 3.4445 x + (-4.7750 a + 2.0315 a^2) x; in bfloat16 on a GPU.
    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """
    x = m.bfloat16() if m.is_cuda else m
    tall = len(x) > x[0].numel()
    x = x.mT if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.mT if tall else x).to(m.dtype)


def orthogonal_momentum(g, state, momentum):
    """Returns newton_schulz((1 - mu) g + mu b) with b <- mu b + (1 - mu) g, which is kept in state["b"]."""
    if state["t"] == 1:
        state["b"] = torch.zeros_like(g)
    state["b"].lerp_(g, 1 - momentum)
    return newton_schulz(g.lerp(state["b"], momentum))
