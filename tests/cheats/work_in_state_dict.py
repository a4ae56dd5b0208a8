"""Works in `state_dict`.

outcome: no gain
by signals: no gain
sandbox: none
checkpoints: always
burns: 0.4
"""

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def state_dict(self):
        if self.made == 10:
            burn(0.4)
        return super().state_dict()
