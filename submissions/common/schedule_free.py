"""What the two schedule-free submissions share.

Source: Defazio et al. 2024, "The Road Less Scheduled"; the rule is that of the package schedulefree 1.4.1.
"""

import torch

from harness.schedules import Schedule
from submissions.common.averaging import AveragedWeights, copy_for_averaging


class ScheduleFree(torch.optim.Optimizer):
    """The weights are y = (1 - beta) z + beta x: z is stepped, x is its weighted mean and to be evaluated.

    u = `direction`(g(y)) + wd y; z <- z - lr u; x <- x + c (z - x) with c = p / sum(p), p the square of the largest rate so far.
    """

    def __init__(self, params, lr, weight_decay, beta, **settings):
        defaults = {"lr": lr, "weight_decay": weight_decay, "beta": beta, "t": 0, "largest": 0.0, "sum": 0.0}
        super().__init__(params, defaults | settings)

    @torch.no_grad()
    def step(self):
        """Updates all tensors that have a gradient."""
        for group in self.param_groups:
            group["t"] += 1
            group["largest"] = max(group["largest"], group["lr"])
            group["sum"] += group["largest"] ** 2
            share = group["largest"] ** 2 / group["sum"] if group["sum"] else 0.0
            for y in (y for y in group["params"] if y.grad is not None):
                state = self.state[y]
                if not state:
                    state.update(z=copy_for_averaging(y), x=copy_for_averaging(y))
                update = self.direction(y.grad, state, group) + group["weight_decay"] * y
                state["z"].sub_(group["lr"] * update)
                state["x"].lerp_(state["z"], share)
                y.copy_(state["z"].lerp(state["x"], group["beta"]))

    def direction(self, g, state, group):
        """Returns the direction for a gradient."""
        raise NotImplementedError


class ScheduleFreeSubmission(AveragedWeights):
    """Warm-up, then a constant rate without an end; evaluates x."""

    def start(self, optimizer):
        """Takes the optimizer and makes the schedule."""
        self.optimizer = optimizer
        self.schedule = Schedule(optimizer, self.hp.warmup, self.horizon, lambda progress: 1.0, endless=True)

    def evaluated(self):
        state = self.optimizer.state
        return [state[p]["x"] if p in state else p for p in self.model.parameters()]
