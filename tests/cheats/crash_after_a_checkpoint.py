"""Ends itself some time after a checkpoint, so that it is started again where that was made.

outcome: no gain
by signals: no gain
sandbox: none
checkpoints: always
first: crashed
burns: 0.4
"""

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def after(self, step):
        if step == 15 and not self.resumed():
            burn(0.4)
            raise RuntimeError("the first roll was bad")
