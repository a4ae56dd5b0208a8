"""What holds after every test of a trial."""

import time
from collections.abc import Iterator

import psutil
import pytest


def living_children() -> set[psutil.Process]:
    """All that lives below the tests but what Python's own multiprocessing keeps there."""
    children = psutil.Process().children(recursive=True)
    return {p for p in children if p.status() != psutil.STATUS_ZOMBIE and "multiprocessing" not in str(p.cmdline())}


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = living_children()
    yield
    deadline = time.monotonic() + 5
    while left := living_children() - before:
        assert time.monotonic() < deadline, left
