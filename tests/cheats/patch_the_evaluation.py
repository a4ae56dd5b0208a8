"""Replaces the workload's evaluation by one that is always at the target.

outcome: rejected: Toy.evaluate was replaced
sandbox: none
"""

import gc

from harness.workload import Evaluation
from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        type(runner.workload).evaluate = lambda *_: Evaluation(0.0, 0.0)
