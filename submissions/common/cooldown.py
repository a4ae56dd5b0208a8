"""A constant rate with a cooldown at the end."""

import math

from harness.schedules import Schedule

SHAPES = {"linear": lambda left: left, "1-sqrt": lambda left: 1 - math.sqrt(1 - left)}


def warmup_stable_decay(optimizer, warmup, horizon, cooldown, shape):
    """Linear warm-up, eta until (1 - cooldown) T, then eta (1 - x) or eta (1 - sqrt(x)), x the share of the cooldown that is over.

    With a cooldown of all that follows the warm-up, the linear shape is `warmup_then_linear`.
    """
    after_warmup = horizon - round(warmup * horizon)
    steps = min(round(cooldown * horizon), after_warmup)
    curve = SHAPES[shape]
    return Schedule(optimizer, warmup, horizon, lambda progress: curve(min((1 - progress) * after_warmup / steps, 1.0)))
