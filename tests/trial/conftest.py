"""What holds after every test of a trial."""

import time
from collections.abc import Iterator

import psutil
import pytest

from benchmarks.kill import words_of
from tests.trial.referee_time import RefereeTime


def living_children() -> set[psutil.Process]:
    """All that lives below the tests but what Python's own multiprocessing keeps there."""
    words = {child: words_of(child) for child in psutil.Process().children(recursive=True)}
    return {child for child, line in words.items() if line is not None and "multiprocessing" not in str(line)}


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = living_children()
    yield
    deadline = time.monotonic() + 5
    while left := living_children() - before:
        assert time.monotonic() < deadline, left


@pytest.fixture
def referee_time(monkeypatch: pytest.MonkeyPatch) -> RefereeTime:
    """The seconds of the referee's clock; what is done when a condition holds is done soon after."""
    seconds = RefereeTime()
    monkeypatch.setattr("harness.trial.clock.time", seconds)
    monkeypatch.setattr("harness.trial.session.TICK_S", 0.02)
    return seconds
