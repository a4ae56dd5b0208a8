"""Works in a signal handler that a timer calls, which goes on while the clock stands.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.04
"""

import signal

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def setup(self):
        super().setup()
        calls = iter([0.02] * 20)
        signal.signal(signal.SIGALRM, lambda *_: burn(next(calls, 0)))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.03)
