"""Scores are relative: how they move when a workload or another submission leaves the board."""

import numpy as np
from numpy.typing import NDArray

from harness.score.board import LeaveOneOut
from harness.score.profiles import ranks, scores
from harness.score.results import Rules
from harness.score.times import Floats, TimesTable


def leave_one_out(table: TimesTable, times_SW: Floats, rules: Rules) -> tuple[LeaveOneOut, ...]:
    """Scores the board again without each base workload (its variants leave with it), and without each submission.

    A single workload or submission cannot be left out: nothing would be left.
    """
    everybody = np.arange(len(table.submissions))
    before = scores(times_SW, table.bases_W, rules)
    rows: list[LeaveOneOut] = []
    if len(table.base_columns) > 1:
        for column in table.base_columns:
            stay = np.flatnonzero(table.bases_W != column)
            after = scores(times_SW[:, stay], _renumber(table.bases_W, stay), rules)
            rows += _rows("workload", table.workloads[column], table.submissions, everybody, before, after)
    if len(everybody) > 1:
        for gone in everybody:
            stay = np.flatnonzero(everybody != gone)
            after = scores(times_SW[stay], table.bases_W, rules)
            rows += _rows("submission", table.submissions[gone], table.submissions, stay, before, after)
    return tuple(rows)


def _renumber(bases_W: NDArray[np.int64], stay: NDArray[np.int64]) -> NDArray[np.int64]:
    new = {int(old): i for i, old in enumerate(stay)}
    return np.array([new.get(int(bases_W[old]), -1) for old in stay], dtype=np.int64)


def _rows(kind: str, left_out: str, names: tuple[str, ...], stay: NDArray[np.int64], before_S: Floats, after: Floats) -> list[LeaveOneOut]:
    old, new = ranks(before_S[stay]), ranks(after)
    return [
        LeaveOneOut(kind, left_out, names[s], float(after[i]), float(after[i] - before_S[s]), int(new[i]), int(new[i] - old[i]))
        for i, s in enumerate(stay)
    ]
