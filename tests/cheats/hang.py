"""Hangs until its budget is used up, so that it is started again.

outcome: missed: the budget of 1 s was used up
sandbox: none
first: timed_out
burns: 0.1
"""

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def after(self, step):
        if not self.resumed():
            burn(0.1)
            while True:
                pass
