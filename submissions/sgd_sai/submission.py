"""SGD-SaI: SGD with the rate of each tensor fixed by its first gradient."""

from harness.schedules import warmup_then_linear
from harness.submission import Submission
from submissions.common.tensor_rule import TensorRule


class SGDSaI(TensorRule):
    """w <- w (1 - lr wd) - lr k b; b <- mu b + (1 - mu) g; k = |g| / (std(g) + 1e-8) of the first gradient, |g| for vectors."""

    buffers = ("b",)

    def update(self, w, g, state, group):
        if not state.get("k"):  # a tensor whose gradient is zero at first gets its k later
            state["k"] = (g.norm() / (g.std() + 1e-8) if g.ndim > 1 and g.numel() > 1 else g.norm()).item()
        state["b"].lerp_(g, 1 - group["momentum"])
        w.sub_(group["lr"] * state["k"] * state["b"])


class SGDSaILinear(Submission):
    """SGD-SaI, linear warm-up, straight line to zero."""

    def setup(self):
        self.optimizer = SGDSaI(self.decay_groups(self.hp.weight_decay), self.hp.learning_rate, momentum=self.hp.momentum)
        self.schedule = warmup_then_linear(self.optimizer, self.hp.warmup, self.horizon)
