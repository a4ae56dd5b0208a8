"""A board as CSV text: one function a file, columns as in `columns`, rows in a stable order."""

import csv
import io
import math
from collections.abc import Iterable, Iterator

import numpy as np

from harness.report.columns import FILES
from harness.score.board import Board

Value = str | int | float


def csv_files(board: Board) -> dict[str, str]:
    """All CSV files of a board, name to text."""
    rows = {
        "leaderboard.csv": _leaderboard(board),
        "times.csv": _times(board),
        "profiles.csv": _profiles(board),
        "pairwise.csv": _pairwise(board),
        "sensitivity.csv": _sensitivity(board),
    }
    return {name: _csv([column.name for column in columns], rows[name]) for name, columns in FILES.items()}


def _csv(header: list[str], rows: Iterable[tuple[Value, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Value) -> str:
    """Numbers with all their digits; an unknown one is an empty cell."""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)


def _leaderboard(board: Board) -> Iterator[tuple[Value, ...]]:
    bases = sum(not info.variant_of for info in board.workloads)
    for entry in board.entries:
        yield (
            entry.rank,
            entry.submission,
            board.ruleset,
            board.options.rules,
            board.options.clock,
            entry.score,
            entry.interval.low,
            entry.interval.high,
            bases,
            entry.reached,
            entry.counted,
            entry.speedup.ratio,
            entry.speedup.interval.low,
            entry.speedup.interval.high,
            entry.speedup.workloads,
            board.reference,
            entry.step_speedup.ratio,
            entry.rank_probabilities[0],
            " ".join(f"{p:.4f}" for p in entry.rank_probabilities if not math.isnan(p)),
            *entry.studies,
            entry.trials,
            entry.trials_reached,
            entry.host_memory_bytes or "",
            entry.device_memory_bytes or "",
            entry.sandbox,
            board.signature,
            board.digest,
            "; ".join(entry.marks),
        )


def _times(board: Board) -> Iterator[tuple[Value, ...]]:
    infos = {info.name: info for info in board.workloads}
    for cell in board.cells:
        info = infos[cell.workload]
        yield (
            cell.submission,
            cell.workload,
            info.variant_of,
            " ".join(repr(time) for time in cell.study_times),
            cell.median,
            cell.median_s,
            cell.median_steps,
            cell.ratio,
            len(cell.study_times),
            sum(math.isfinite(time) for time in cell.study_times),
            cell.trials,
            " ".join(f"{verdict}={count}" for verdict, count in cell.verdicts),
            info.metric,
            info.target,
            cell.best_metric,
            cell.why,
        )


def _profiles(board: Board) -> Iterator[tuple[Value, ...]]:
    bands = board.profiles
    for s, entry in enumerate(board.entries):
        columns = np.stack([bands.taus_T, bands.rho_ST[s], bands.low_ST[s], bands.high_ST[s]], axis=1)
        for row in columns.tolist():
            yield (entry.submission, *row)


def _pairwise(board: Board) -> Iterator[tuple[Value, ...]]:
    for pair in board.pairs:
        yield (
            pair.first,
            pair.second,
            pair.ratio,
            pair.interval.low,
            pair.interval.high,
            pair.elsewhere.low,
            pair.elsewhere.high,
            pair.workloads,
            pair.only_first,
            pair.only_second,
            pair.p,
            pair.p_adjusted,
            pair.verdict,
        )


def _sensitivity(board: Board) -> Iterator[tuple[Value, ...]]:
    for row in board.leave_one_out:
        yield (row.kind, row.left_out, row.submission, row.score, row.score_change, row.rank, row.rank_change)
