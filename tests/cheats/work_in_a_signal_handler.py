"""Works in a signal handler that a timer calls, which goes on while the clock stands.

outcome: no gain
by signals: no gain
sandbox: none
evaluations: slow
burns: 0.02
"""

import signal

from tests.cheat_kit import SGD, burn


class Cheat(SGD):
    def setup(self):
        super().setup()
        self.calls = [0.02] * 20
        signal.signal(signal.SIGALRM, self.called)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.03)

    def called(self, *_):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        if self.calls:
            burn(self.calls.pop())
            signal.signal(signal.SIGALRM, self.called)
