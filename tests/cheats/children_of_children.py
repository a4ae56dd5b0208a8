"""Works in processes whose parent has ended.

outcome: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.4
needs: the closed sandbox
"""

from tests.cheat_kit import SGD, burn_in_children, fork


class Cheat(SGD):
    def after(self, step):
        if step == 5:
            burn_in_children(lambda work: fork(fork, work))
