"""Works where it is asked whether it is done.

outcome: no gain
sandbox: none
burns: 0.4
"""

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def done(self):
        if self.made == 5:
            burn(0.4)
        return super().done()
