"""Does not like what came out and ends itself, so that it is started again.

outcome: no gain
by signals: no gain
sandbox: none
first: crashed
burns: 0.4
"""

import os

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def select(self, stream):
        if not self.resumed():
            stream.examples = 0
        return super().select(stream)

    def after(self, step):
        if step == 15 and not self.resumed():
            burn(0.4)
            os._exit(1)
