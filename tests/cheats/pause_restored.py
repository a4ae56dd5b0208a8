"""Says in a pause that it has come back from a checkpoint, when there is none.

outcome: rejected: it paused at step 10 with 160 examples taken for 'restored'
sandbox: none
"""

from tests.cheat_kit import SGD, hand_in


class Cheat(SGD):
    def after(self, step):
        if step == 10:
            hand_in(purpose="restored")
