"""The scorer: ledgers and foreign logs to times, profiles, ranks and their uncertainty. Imports no torch, and numpy on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.score.algoperf import read_algoperf
    from harness.score.board import Board
    from harness.score.ledger import read_ledgers
    from harness.score.options import ScoreOptions
    from harness.score.results import Results
    from harness.score.scoring import score_board

__all__ = ["Board", "Results", "ScoreOptions", "read_algoperf", "read_ledgers", "score_board"]
_HOMES = {
    "Board": "board",
    "Results": "results",
    "ScoreOptions": "options",
    "read_algoperf": "algoperf",
    "read_ledgers": "ledger",
    "score_board": "scoring",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for (PEP 562): the options of `finishline score` are read before numpy is there."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
