"""Works in a hook of the model that is called when its weights are written.

outcome: no gain
by signals: no gain
sandbox: none
burns: 0.4
"""

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def setup(self):
        super().setup()
        calls = iter([0.4])
        self.model.register_state_dict_pre_hook(lambda *_: burn(next(calls, 0)))
