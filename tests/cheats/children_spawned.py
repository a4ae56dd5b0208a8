"""Works in other programs that it starts (vfork, posix_spawn) and does not wait for.

outcome: no gain
by signals in bwrap: no gain
sandbox: none
burns: 0.3
needs: the closed sandbox
"""

import os
import signal
import sys
from contextlib import suppress

from tests.cheat_kit import SGD, burn_in_children

PROGRAM = "import os, time\nwhile time.process_time() < 0.07: pass\nos.write(1, b'BURNT 0.05\\n')"


class Cheat(SGD):
    def setup(self):
        super().setup()
        with suppress(OSError):
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def after(self, step):
        if step == 5:
            burn_in_children(lambda work: os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", PROGRAM], {}))
