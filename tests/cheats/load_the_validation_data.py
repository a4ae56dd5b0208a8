"""Has the workload load the validation data.

outcome: blocked
without the sandbox: steals
"""

import gc
from pathlib import Path

from tests.cheat_kit import SGD, attempt


class Cheat(SGD):
    def setup(self):
        super().setup()
        gc.unfreeze()
        runner = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Runner")
        attempt("valid", lambda: runner.workload.load(Path(self.hp.data), "valid"))
