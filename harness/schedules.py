"""Learning-rate schedules that submissions share: each returns a scheduler to be stepped once after every update.

T is the horizon in steps, w = round(warmup * T), t = 1, 2, ... the number of the update. During warm-up the rate is eta * t / w. From T on
it is 1 % of the peak, so that a run may go on a little; `finished` says when that, too, is over.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

TAIL_RATE = 0.01
TAIL_SHARE = 0.05


class Schedule(LambdaLR):
    """Multiplies the rate of every parameter group by one factor a step; ratios between groups survive."""

    def __init__(self, optimizer: Optimizer, warmup: float, horizon: int, shape: Callable[[float], float]) -> None:
        warmup_steps = round(warmup * horizon)

        def factor(updates_made: int) -> float:
            t = updates_made + 1
            if t <= warmup_steps:
                return t / warmup_steps
            if t > horizon:
                return TAIL_RATE
            return shape((t - warmup_steps) / (horizon - warmup_steps))

        self._last_step = math.ceil((1 + TAIL_SHARE) * horizon)
        super().__init__(optimizer, factor)

    @property
    def finished(self) -> bool:
        """Whether the horizon and the short tail behind it are over."""
        return self.last_epoch >= self._last_step


def warmup_then_linear(optimizer: Optimizer, warmup: float, horizon: int) -> Schedule:
    """Linear warm-up over the share `warmup` of `horizon` steps, then a straight line to 0: eta (T - t) / (T - w).

    The rates sum to eta * T / 2 whatever the warm-up. Source: Bergsma et al. 2025, "Straight to Zero", section 2.
    """
    return Schedule(optimizer, warmup, horizon, lambda progress: 1.0 - progress)


def warmup_then_cosine(optimizer: Optimizer, warmup: float, horizon: int) -> Schedule:
    """Linear warm-up over the share `warmup` of `horizon` steps, then half a cosine to 0: eta (1 + cos(pi (t - w) / (T - w))) / 2.

    Source: Loshchilov & Hutter 2017, "SGDR", equation 5 without restarts.
    """
    return Schedule(optimizer, warmup, horizon, lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)))
