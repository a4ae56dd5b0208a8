"""Which trials ran beside each other: from when and where the processes of each trial ran, as their records say."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import nan

import numpy as np

from harness.errors import UserError
from harness.ledger.record import Record


def machine_s(record: Record) -> float:
    """The seconds between the start of a trial's clock and its end, evaluations and checkpoints included; start-up is left out."""
    return record.wall_s - record.startup_s


def overlaps_s(records: Sequence[Record]) -> list[float]:
    """Returns for each trial the seconds in which another of these trials ran on the same machine; NaN where nothing was noted.

    Segments begin at a whole second, and of several segments of a trial each has the share of the trial's seconds that it has of the
    clock's: the result is good to a few seconds. Trials that are not among the records, such as those of another ledger, are not seen.

    Raises:
        UserError: a segment starts at something that is not a date and time.
    """
    totals = [0.0 if record.segments else nan for record in records]
    by_host: dict[str, list[tuple[float, float, int]]] = {}
    for number, record in enumerate(records):
        for host, start, end in _intervals(record):
            by_host.setdefault(host, []).append((start, end, number))
    for intervals in by_host.values():
        starts = np.array([start for start, _, _ in intervals])
        ends = np.array([end for _, end, _ in intervals])
        times = np.concatenate([starts, ends])
        changes = np.repeat([1, -1], len(starts))
        order = np.argsort(times, kind="stable")
        times, running = times[order], np.cumsum(changes[order])
        shared = np.concatenate([[0.0], np.cumsum(np.diff(times) * (running[:-1] > 1))])  # seconds with two or more up to each time
        for number, seconds in zip(
            (number for _, _, number in intervals), np.interp(ends, times, shared) - np.interp(starts, times, shared), strict=True
        ):
            totals[number] += round(float(seconds), 3)
    return totals


def _intervals(record: Record) -> Iterator[tuple[str, float, float]]:
    """Host, beginning and end of each process that ran the trial, in seconds; one ends at the latest where the next begins."""
    segments = record.segments
    begun = [_timestamp(segment.started_at, record) for segment in segments]
    on_clock_s = sum(segment.time_s for segment in segments)
    for number, segment in enumerate(segments):
        share = segment.time_s / on_clock_s if on_clock_s > 0 else 1 / len(segments)
        end = begun[number] + machine_s(record) * share
        if number + 1 < len(segments):
            end = min(end, begun[number + 1])
        yield segment.host, begun[number], max(end, begun[number])


def _timestamp(started_at: str, record: Record) -> float:
    try:
        return datetime.fromisoformat(started_at).timestamp()
    except ValueError:
        raise UserError(f"record of {record.key}: started_at {started_at!r} is not a date and time") from None
