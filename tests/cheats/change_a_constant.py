"""Changes a table of the model that is not part of its weights.

outcome: rejected: the model's constant scale was changed
sandbox: none
"""

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.model.scale.mul_(2)
