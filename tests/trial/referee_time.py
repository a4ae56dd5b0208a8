"""The seconds of the referee's clock in the hands of a test: a budget passes when something has happened, not after a while."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Silent

LONG_S = 1e6
"""More than any budget."""


class RefereeTime:
    """Stands where `harness.trial.clock` looks for the module `time`."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def monotonic(self) -> float:
        """As `time.monotonic`, and what was added to it."""
        return time.monotonic() + self._ahead_s

    def use_up_the_budget(self) -> None:
        """Lets more seconds pass than any budget has."""
        self._ahead_s += LONG_S


class UsesUpTheBudget(Silent):
    """A watcher that uses up the budget as soon as something holds while the clock runs; `condition` is given the steps made so far."""

    def __init__(self, referee_time: RefereeTime, condition: Callable[[int], bool]) -> None:
        super().__init__()
        self.referee_time, self.condition = referee_time, condition

    def on_progress(self, step: int, time_s: float) -> None:
        if time_s < LONG_S and self.condition(step):
            self.referee_time.use_up_the_budget()


def printed(word: str, root: Path) -> Callable[[int], bool]:
    """Returns a condition: a trial below this folder has printed the word."""
    return lambda step: any(word in path.read_text() for path in root.rglob("log.txt"))
