"""A trial that is interrupted and goes on is the same trial bit by bit, or is refused with the attribute's name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.state import StateError
from tests.state.algorithms import ALGORITHMS
from tests.state.interrupted import differs, written
from tests.state.kinds import REFUSED, SAME

STEPS = (0, 5, 13)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("case", ALGORITHMS)
def test_algorithms_go_on(tmp_path: Path, case: str) -> None:
    folder = written(tmp_path / "submission", ALGORITHMS[case])
    assert differs(folder, STEPS) == []


@pytest.mark.parametrize("case", SAME)
def test_state_of_any_kind_goes_on(tmp_path: Path, case: str) -> None:
    folder = written(tmp_path / "submission", SAME[case])
    assert differs(folder, STEPS) == []


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_go_on_is_refused_with_its_name(tmp_path: Path, case: str) -> None:
    code, words = REFUSED[case]
    folder = written(tmp_path / "submission", code)
    try:
        lost = differs(folder, STEPS)
    except StateError as error:
        lost = [str(error)]
    assert any(re.search(words, line) for line in lost), lost
