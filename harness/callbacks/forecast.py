"""When a running trial will reach its target: a range of seconds, or nothing where nothing is known.

The forecast rests on one run of the reference on the same workload, `configs/reference/<name>-<tier>.yaml`. Suppose the reference took X
examples to the target, and had a metric as good as the trial's best so far after x of them. Then the trial still needs (X - x) / x of the
seconds that it took so far, if it goes on as the reference did. The range is from half to twice that. `benchmarks/forecast.py` measures how
often it holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from harness.base.files import write_atomically
from harness.ledger.rows import Row
from harness.workload import WorkloadConfig

FACTOR = 2.0
LEAST_SHARE = 0.05
"""Of the reference's way: before that its curve says nothing."""


@dataclass(frozen=True, kw_only=True)
class ReferenceCurve:
    """The metric of one run of the reference up to the target, by the number of examples that it had taken."""

    submission: str
    workload: str
    version: int
    target: float
    examples: tuple[int, ...]
    metric: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The trial will reach its target between these seconds on the clock."""

    low_s: float
    high_s: float


def curve_path(configs: Path, workload: WorkloadConfig) -> Path:
    """Returns where the reference's curve of a workload is kept."""
    return configs / "reference" / f"{workload.id.replace('/', '-')}.yaml"


def read_curve(configs: Path, workload: WorkloadConfig) -> ReferenceCurve | None:
    """Returns the reference's curve, None where there is no readable one for the workload's version and target."""
    import yaml

    try:
        curve = msgspec.convert(yaml.safe_load(curve_path(configs, workload).read_text()), ReferenceCurve)
    except (OSError, ValueError, yaml.YAMLError, msgspec.ValidationError):
        return None  # a display must not end a trial
    wanted = (workload.id, workload.version, workload.target)
    return curve if (curve.workload, curve.version, curve.target) == wanted else None


def write_curve(path: Path, curve: ReferenceCurve) -> None:
    """Writes a curve."""
    import yaml

    path.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump(msgspec.to_builtins(curve), sort_keys=False, default_flow_style=None, width=140)
    write_atomically(path, f"# made by benchmarks/forecast.py\n{text}")


def forecast(
    rows: Sequence[Row], curve: ReferenceCurve | None, workload: WorkloadConfig, budget_s: float, factor: float = FACTOR
) -> Forecast | None:
    """Returns when a trial with these evaluations will reach its target: from (seconds ahead) / `factor` to (seconds ahead) x `factor`.

    None without a curve, near the start, at the target, and where the trial is so slow that it would need more than the workload's step
    hint or its budget: whether it gets there at all is not known then.
    """
    best = workload.direction.best(row.valid_metric for row in rows)
    if curve is None or best is None or workload.direction.reached(best, curve.target):
        return None
    share = _share_of_the_way(best, curve, workload)
    if share < LEAST_SHARE:
        return None
    now = rows[-1]
    if now.examples / share > workload.step_hint * workload.reference_batch or now.time_s / share > budget_s:
        return None
    ahead_s = now.time_s * (1 - share) / share
    return Forecast(low_s=now.time_s + ahead_s / factor, high_s=min(now.time_s + ahead_s * factor, budget_s))


def _share_of_the_way(metric: float, curve: ReferenceCurve, workload: WorkloadConfig) -> float:
    """After what share of its examples the reference had reached a metric, between two evaluations by a straight line."""
    sign = workload.direction.sign  # less is better then
    best = np.minimum.accumulate(sign * np.array(curve.metric))
    after = int(np.argmax(best <= sign * metric))
    if after == 0:
        return 0.0
    before, at = best[after - 1], best[after]
    part = (sign * metric - before) / (at - before)
    examples = curve.examples[after - 1] + part * (curve.examples[after] - curve.examples[after - 1])
    return float(examples / curve.examples[-1])
