"""Works in what is called when an object that the runner has made is removed.

outcome: no gain
sandbox: none
burns: 0.4
"""

import weakref

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def select(self, stream):
        batch = super().select(stream)
        if self.made == 5:
            self.with_callbacks = weakref.ref(batch.inputs[0], lambda _: burn(0.4))
        return batch
