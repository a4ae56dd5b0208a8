"""Muon for hidden matrices, AdamW for the rest."""

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.matrix_rule import MatrixRule, matrix_groups
from submissions.common.newton_schulz import orthogonal_momentum


class Muon(MatrixRule):
    """The direction is 0.2 sqrt(max(out, in)) NS5((1 - mu) g + mu b), b <- mu b + (1 - mu) g."""

    def direction(self, g, state, group):
        return 0.2 * max(g.shape) ** 0.5 * orthogonal_momentum(g, state, group["momentum"])


class MuonLinear(Submission):
    """Muon, linear warm-up, straight line to zero."""

    def setup(self):
        hp = self.hp
        groups = matrix_groups(self, hp.weight_decay, hp.learning_rate, hp.learning_rate * hp.fallback_factor)
        self.optimizer = Muon(groups, hp.learning_rate, momentum=hp.momentum)
        self.schedule = warmup_then_linear(self.optimizer, hp.warmup, self.horizon)
