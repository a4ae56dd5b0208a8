"""How often does the forecast of a running trial hold? The trials of a ledger, seen again as they were on their way.

    python -m benchmarks.forecast LEDGER [--write]

Each trial is seen at a quarter, a third, a half and two thirds of its way, by its own rows up to then. Methods:

* line: the straight line through the last six evaluations that was shown before, taken at its word: +- 10 % of the whole time.
* reference x F: what `harness/callbacks/forecast.py` does, from (seconds ahead) / F to (seconds ahead) x F; the display has F = 2.

The curve is that of `nadamw` in the ledger, for nadamw's own trials that of `adamw_linear_zero`: a trial is never forecast from itself.
`--write` writes the curves of nadamw's first study to configs/reference/.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.callbacks.forecast import ReferenceCurve, curve_path, forecast, write_curve
from harness.ledger.paths import TrialPaths
from harness.ledger.plan import read_plan
from harness.ledger.record import Record, read_record
from harness.ledger.rows import Row, read_rows
from harness.ledger.walk import find_parts
from harness.workload import WorkloadConfig

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SHARES = {"a quarter": 1 / 4, "a third": 1 / 3, "a half": 1 / 2, "two thirds": 2 / 3}
FACTORS = (1.25, 1.5, 2.0, 3.0)
REFERENCE, SECOND = "nadamw", "adamw_linear_zero"
LINE_ROWS, LINE_ERROR = 6, 0.1

Range = tuple[float, float]


@dataclass(frozen=True)
class Ended:
    workload: WorkloadConfig
    record: Record
    rows: tuple[Row, ...]


Method = Callable[[Ended, Sequence[Row]], Range | None]


def read_trials(ledger: Path) -> list[Ended]:
    """Returns the ended trials of a ledger."""
    ended = []
    for part in find_parts([ledger]):
        plan = read_plan(Path(part.ledger))
        assert plan is not None, f"{part.ledger} has no campaign.yaml"
        workloads = {workload.id: workload for workload in plan.workloads}
        for place in part.trials:
            folder = Path(part.ledger, place)
            if (record := read_record(folder)) is not None:
                ended.append(Ended(workloads[record.workload], record, tuple(read_rows(TrialPaths(folder).rows))))
    return ended


def curves(trials: Sequence[Ended], submission: str) -> dict[str, ReferenceCurve]:
    """Returns the curve of a submission's first study that reached the target, by workload."""
    found: dict[str, ReferenceCurve] = {}
    for trial in sorted(trials, key=lambda trial: trial.record.study):
        record = trial.record
        if record.submission == submission and record.reached and record.workload not in found:
            found[record.workload] = ReferenceCurve(
                submission=submission,
                workload=record.workload,
                version=record.workload_version,
                target=record.target,
                examples=tuple(row.examples for row in trial.rows),
                metric=tuple(round(row.valid_metric, 5) for row in trial.rows),
            )
    return found


def line(trial: Ended, rows: Sequence[Row]) -> Range | None:
    """The forecast of old: a straight line through the last evaluations."""
    recent = rows[-LINE_ROWS:]
    if len(recent) < 3 or recent[-1].time_s <= recent[0].time_s:
        return None
    slope, _ = np.polyfit([row.time_s for row in recent], [row.valid_metric for row in recent], 1)
    ahead_s = (trial.record.target - recent[-1].valid_metric) / slope if slope else -1.0
    at_s = recent[-1].time_s + ahead_s
    return (at_s * (1 - LINE_ERROR), at_s * (1 + LINE_ERROR)) if ahead_s > 0 else None


def by_reference(factor: float, first: dict[str, ReferenceCurve], second: dict[str, ReferenceCurve]) -> Method:
    """The forecast of the display with another factor."""

    def method(trial: Ended, rows: Sequence[Row]) -> Range | None:
        curve = (second if trial.record.submission == REFERENCE else first).get(trial.workload.id)
        found = forecast(rows, curve, trial.workload, trial.record.budget_s, factor)
        return (found.low_s, found.high_s) if found else None

    return method


def report(trials: Sequence[Ended]) -> None:
    """Prints a Markdown table: of the trials that reached their target how many got a range, and how many of these held it."""
    first, second = curves(trials, REFERENCE), curves(trials, SECOND)
    methods: dict[str, Method] = {"line": line} | {f"reference x {f:g}": by_reference(f, first, second) for f in FACTORS}
    reached = [trial for trial in trials if trial.record.reached]
    missed = [trial for trial in trials if not trial.record.reached]
    print(f"{len(reached)} trials reached their target, {len(missed)} did not.\n")
    print("| method | seen at | range given | range holds | mean width / time | promised to a trial that missed |")
    print("|---|---|---:|---:|---:|---:|")
    for name, method in methods.items():
        for words, share in SHARES.items():
            ranges = [(trial.record.time_s, method(trial, seen(trial, share))) for trial in reached]
            given = [(time_s, found) for time_s, found in ranges if found]
            held = sum(low <= time_s <= high for time_s, (low, high) in given)
            width = np.mean([(high - low) / time_s for time_s, (low, high) in given]) if given else float("nan")
            promised = sum(method(trial, seen(trial, share)) is not None for trial in missed)
            counts = (f"{len(given)} of {len(reached)}", f"{held} of {len(given)}", f"{width:.2f}", f"{promised} of {len(missed)}")
            print(f"| {name} | {words} | {' | '.join(counts)} |")


def seen(trial: Ended, share: float) -> list[Row]:
    """The rows that there were at a share of the trial's time."""
    return [row for row in trial.rows if row.time_s <= share * trial.record.time_s]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    ended = read_trials(given.ledger)
    report(ended)
    if given.write:
        for trial in ended:
            if (curve := curves(ended, REFERENCE).get(trial.workload.id)) is not None:
                write_curve(curve_path(CONFIGS, trial.workload), curve)
