"""Numbers and titles as people read them, the same on every page."""

import math

from harness.score.board import Board, Interval, Speedup
from harness.score.results import Clock

WHY_CLOCK: dict[Clock, str] = {
    "time": "the referee's seconds until the target, since they are what a user waits for; what else runs on the machine lengthens them",
    "steps": "updates until the target, since they do not depend on the machine; a step may take any time",
    "cpu_time": "CPU seconds of all processes until the target, since waiting for others does not count in them",
}


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


def speedup_words(speedup: Speedup, workloads: int) -> str:
    """A speed-up, its interval, and on how many of the board's workloads it rests."""
    if not speedup.workloads:
        return "–"
    return f"{number(speedup.ratio, 2)} {span(speedup.interval, 2)}".strip() + f" on {speedup.workloads} of {workloads}"


def ranked_by(board: Board) -> str:
    """Which clock the board ranks on, and why."""
    clock = board.options.clock
    return f"Ranked by the score alone, on clock={clock}: {WHY_CLOCK[clock]}."


def title(board: Board) -> str:
    """What the board is, in a line; what takes its worth away comes first."""
    warning = f"NO SANDBOX in {board.unsandboxed} trials, nothing is promised of these times: " if board.unsandboxed else ""
    mixed = ", mixed" if board.differences else ""
    return f"{warning}Leaderboard (ruleset {board.ruleset}, rules {board.options.rules}, clock {board.options.clock}{mixed})"
