"""NorMuon for hidden matrices, AdamW for the rest."""

import torch

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.matrix_rule import MatrixRule, matrix_groups
from submissions.common.newton_schulz import orthogonal_momentum


class NorMuon(MatrixRule):
    """O as in Muon; N = O / (sqrt(s) + 1e-10) with s averaging the mean squares of its rows; the direction is N with an RMS of 0.2."""

    def direction(self, g, state, group):
        if state["t"] == 1:
            state["s"] = torch.zeros_like(g[:, :1])
        o = orthogonal_momentum(g, state, group["momentum"])
        state["s"].lerp_(o.square().mean(1, keepdim=True), 1 - group["beta2"])
        n = o / (state["s"].sqrt() + 1e-10)
        return 0.2 * n.numel() ** 0.5 * n / n.norm().clamp(min=1e-10)


class NorMuonLinear(Submission):
    """NorMuon, linear warm-up, straight line to zero."""

    def setup(self):
        hp = self.hp
        groups = matrix_groups(self, hp.weight_decay, hp.learning_rate, hp.learning_rate * hp.fallback_factor)
        self.optimizer = NorMuon(groups, hp.learning_rate, momentum=hp.momentum, beta2=hp.beta2)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
