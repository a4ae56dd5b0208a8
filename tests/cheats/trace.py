"""Sets a profile function, which Python would call also while the clock stands.

outcome: rejected: trace or profile function
sandbox: none
"""

import sys

from tests.cheat_kit import SGD


class Cheat(SGD):
    def setup(self):
        super().setup()
        sys.setprofile(lambda *_: None)
