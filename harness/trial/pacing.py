"""How soon after an evaluation the next one may come.

Evaluations fall due by training examples. How many a submission takes is its own affair (it may skip, prune, repeat), so it can make
evaluations fall due as often as it likes, and chance reaches the target sooner where it is looked at more often. What it cannot move is the
clock: an evaluation is made at a multiple of the evaluation period at which at least `spacing_s` seconds have passed since the last one.

The spacing is a fraction of what the forward and backward passes over the examples of one period take here: measured before the
submission is loaded, by the harness's own code, as the fastest of several. A method that takes its examples honestly is slower than that,
whatever its optimizer costs, so that its rows depend on no clock and repeat bit by bit. One that makes its passes more than
1 / FRACTION times faster is evaluated at every second multiple or so: as often in seconds as anybody else.
"""

from harness.ledger.spec import TrialSpec

FRACTION = 0.6


def spacing_s(pass_s: float, spec: TrialSpec) -> float:
    """Returns the least time between two evaluations on the clock, in seconds.

    Args:
        pass_s: the fastest forward and backward pass over a reference batch, in seconds.
        spec: has the evaluation period in examples and the reference batch.
    """
    return FRACTION * pass_s * spec.evaluate_every / spec.workload.reference_batch
