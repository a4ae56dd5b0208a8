"""Puts a function of its own in the place of the one with which the runner writes the weights.

outcome: rejected: harness.trial.runner.write_weights was replaced
sandbox: none
"""

import sys

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        runner = sys.modules["harness.trial.runner"]
        write = runner.write_weights
        runner.write_weights = lambda *given: write(*given)
