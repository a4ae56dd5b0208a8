"""Counts more examples than it has taken, so that an evaluation falls due after every step.

outcome: missed: done after 300 steps
sandbox: none
evaluations: paced
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def select(self, stream):
        batch = super().select(stream)
        stream.examples += 16 * 1000
        return batch

    def done(self):
        return self.made == 300
