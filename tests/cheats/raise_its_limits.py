"""Raises the limits that were set for it.

outcome: blocked
"""

import resource

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        for limit in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            attempt(limit, lambda limit=limit: resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
