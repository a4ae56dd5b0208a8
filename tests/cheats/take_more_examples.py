"""Takes hundreds of batches for each step, so that an evaluation falls due after few of them.

outcome: missed: done after 60 steps
sandbox: none
evaluations: paced
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def select(self, stream):
        return [stream.next() for _ in range(500)][-1]

    def done(self):
        return self.made == 60
