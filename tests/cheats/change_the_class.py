"""Gives the model another class, with another forward.

outcome: rejected: was changed (class, forward)
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        kind = type(self.model)
        self.model.__class__ = type(kind.__name__, (kind,), {"forward": lambda model, x: kind.forward(model, 2 * x)})
