"""Works while an object is removed.

outcome: no gain
sandbox: none
burns: 0.4
"""

from tests.cheat_kit import SGD, burn


class Last:
    def __del__(self):
        burn(0.4)


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            Last()
