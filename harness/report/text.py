"""Numbers and titles as people read them, the same on every page."""

import math

from harness.score.board import Board, Interval


def number(value: float, digits: int = 3) -> str:
    """A number with so many digits; a dash where it is unknown, `missed` where it is infinite."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}f}" if math.isfinite(value) else "missed"


def amount(value: float) -> str:
    """Seconds or steps: one digit after the point below 100, none above."""
    return f"{value:,.0f}" if 100 <= value < math.inf else number(value, 1)


def span(interval: Interval, digits: int = 3) -> str:
    """An interval in brackets, empty where it is unknown."""
    return "" if math.isnan(interval.low) else f"[{interval.low:.{digits}f}, {interval.high:.{digits}f}]"


def title(board: Board) -> str:
    """What the board is, in a line; what takes its worth away comes first."""
    warning = f"NO SANDBOX in {board.unsandboxed} trials, nothing is promised of these times: " if board.unsandboxed else ""
    mixed = ", mixed" if board.differences else ""
    return f"{warning}Leaderboard (ruleset {board.ruleset}, rules {board.options.rules}, clock {board.options.clock}{mixed})"
