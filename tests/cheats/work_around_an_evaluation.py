"""Works while the weights to evaluate are put in, while those to train are put back, and where it is told what came of it.

outcome: no gain
by signals: no gain
sandbox: none
burns: 0.6
"""

from contextlib import contextmanager

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    @contextmanager
    def eval_weights(self):
        burn(0.1)
        yield
        burn(0.1)

    def on_eval(self, evaluation):
        burn(0.1)
