"""Works wherever Python collects garbage, which is everywhere, also between a pause and the wait for its end.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.4
"""

import gc

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def setup(self):
        super().setup()
        calls = iter([0.01] * 60)
        gc.callbacks.append(lambda *_: burn(next(calls, 0)))
        gc.set_threshold(1)
