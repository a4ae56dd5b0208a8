"""Learning-rate schedules that submissions share: each is to be stepped once after every update.

T is the horizon in steps, w = round(warmup * T), t = 1, 2, ... the number of the update. During warm-up the rate is eta * t / w. From T on
it is 1 % of the peak, so that a run may go on a little; `finished` says when that, too, is over.
"""

import math
from collections.abc import Callable

from torch import Tensor
from torch.optim import Optimizer

TAIL_RATE = 0.01
TAIL_SHARE = 0.05


class Schedule:
    """Multiplies the rate of every parameter group by one factor a step; ratios between groups survive.

    Attributes:
        t: the number of the update that comes next, from 1.
    """

    def __init__(
        self, optimizer: Optimizer | None, warmup: float, horizon: int, shape: Callable[[float], float], endless: bool = False
    ) -> None:
        """Sets the rates of the first update.

        Args:
            optimizer: whose rates are set at each step; None where only `rate` is wanted.
            warmup: the share of the horizon that the warm-up takes.
            horizon: T.
            shape: share of the way from the end of the warm-up to T, above 0 and up to 1 -> factor.
            endless: whether the factor stays what it is at T, and the schedule never is `finished`.
        """
        self.t = 1
        self._optimizer, self._horizon, self._shape, self._endless = optimizer, horizon, shape, endless
        self._warmup_steps = round(warmup * horizon)
        for group in optimizer.param_groups if optimizer is not None else ():
            lr = group["lr"]
            group["initial_lr"] = lr.clone() if isinstance(lr, Tensor) else lr
        self._set_rates()

    def rate(self, t: int) -> float:
        """Returns the factor of update t = 1, 2, ..."""
        if t <= self._warmup_steps:
            return t / self._warmup_steps
        if t > self._horizon and not self._endless:
            return TAIL_RATE
        return self._shape(min((t - self._warmup_steps) / max(self._horizon - self._warmup_steps, 1), 1.0))

    def step(self) -> None:
        """Goes on to the next update."""
        self.t += 1
        self._set_rates()

    @property
    def finished(self) -> bool:
        """Whether the horizon and the short tail behind it are over."""
        return not self._endless and self.t > math.ceil((1 + TAIL_SHARE) * self._horizon)

    def _set_rates(self) -> None:
        factor = self.rate(self.t)
        for group in self._optimizer.param_groups if self._optimizer is not None else ():
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(group["initial_lr"] * factor)
            else:
                group["lr"] = group["initial_lr"] * factor


def warmup_then_linear(optimizer: Optimizer | None, warmup: float, horizon: int) -> Schedule:
    """Linear warm-up over the share `warmup` of `horizon` steps, then a straight line to 0: eta (T - t) / (T - w).

    The rates sum to eta * T / 2 whatever the warm-up. Source: Bergsma et al. 2025, "Straight to Zero", section 2.
    """
    return Schedule(optimizer, warmup, horizon, lambda progress: 1.0 - progress)


def warmup_then_cosine(optimizer: Optimizer | None, warmup: float, horizon: int) -> Schedule:
    """Linear warm-up over the share `warmup` of `horizon` steps, then half a cosine to 0: eta (1 + cos(pi (t - w) / (T - w))) / 2.

    Source: Loshchilov & Hutter 2017, "SGDR", equation 5 without restarts.
    """
    return Schedule(optimizer, warmup, horizon, lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)))
