"""Replaces the workload's loss.

outcome: rejected: Toy.losses was replaced
sandbox: none
"""

import gc

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        type(runner.workload).losses = lambda workload, model, batch: 0 * batch.targets
