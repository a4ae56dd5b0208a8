"""The scorer: ledgers and foreign logs to times, profiles, ranks and their uncertainty. Imports no torch."""

from harness.score.algoperf import read_algoperf
from harness.score.board import Board, ScoreOptions
from harness.score.ledger import read_ledgers
from harness.score.results import Results
from harness.score.scoring import score_board

__all__ = ["Board", "Results", "ScoreOptions", "read_algoperf", "read_ledgers", "score_board"]
