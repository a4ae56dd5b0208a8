"""Works before training starts: on import, in the class body, in `__init__`, in `batch_size` and in `setup`.

outcome: no gain
by signals: no gain
sandbox: none
burns: 0.5
"""

from tests.cheat_kit import SGD, burn

burn(0.1)
calls = iter([0.1])


class Cheat(SGD):
    burn(0.1)

    def __init__(self, setting):
        super().__init__(setting)
        burn(0.1)

    def batch_size(self, workload):
        burn(next(calls, 0))
        return super().batch_size(workload)

    def setup(self):
        super().setup()
        burn(0.1)
