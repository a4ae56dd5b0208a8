"""AlgoPerf logs: `SUBMISSION/study_*/WORKLOAD_{jax,pytorch}/trial_*/eval_measurements.csv` and a frozen targets file.

The rule of the reference benchmark is Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", section 4, as its public
scoring code applies it.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger.paths import TrialKey
from harness.score.measurements import NOTHING, FinishLine, Measurements, parse_measurements
from harness.score.results import Results, ScoredWorkload, Trial
from harness.workload import Direction

"""Submission, workload, number of the study and of the trial."""
MINIMIZED = frozenset({"loss", "error_rate", "ctc_loss", "wer", "l1_loss", "ppl"})
MAXIMIZED = frozenset({"accuracy", "ssim", "mean_average_precision", "bleu"})
NUMBERED = {kind: re.compile(rf"{kind}_(\d+)") for kind in ("study", "trial")}


@dataclass(frozen=True)
class Targets:
    """The workloads of one version of the benchmark: base workloads first, then the held-out variants that have a base."""

    version: str
    workloads: tuple[ScoredWorkload, ...]
    notes: tuple[str, ...]


def read_targets(path: Path) -> Targets:
    """Reads a frozen targets JSON: base and held-out workloads, metric and validation target of each.

    A held-out workload belongs to the first base workload whose name is part of its own, as in the reference. The direction of a metric
    is `target_metric_goal` where the file has it, else it follows from the metric's name.

    Raises:
        UserError: the file cannot be read, is not JSON, or lacks what a board needs.
    """
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"targets={path}: cannot be read ({error.strerror}); give the benchmark's workload_targets JSON") from None
    except ValueError as error:
        raise UserError(f"targets={path}: not JSON ({error}); give the benchmark's workload_targets JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("workloads"), dict) or not content.get("base_workloads"):
        raise UserError(f"targets={path}: needs base_workloads (a list) and workloads (name to metric and target)")
    bases = _names(content, "base_workloads", path)
    notes = []
    infos = [_finish_line(content["workloads"], name, "", path) for name in bases]
    for name in _names(content, "held_out_workloads", path):
        base = next((base for base in bases if base in name), "")
        if base in ("", name):
            notes.append(f"held-out workload {name} has no base workload in {path.name}: it counts for nothing")
        else:
            infos.append(_finish_line(content["workloads"], name, base, path))
    return Targets(str(content.get("benchmark_version", "")), tuple(infos), tuple(notes))


def _names(content: dict[str, Any], key: str, path: Path) -> list[str]:
    names = content.get(key) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"targets={path}: {key} must be a list of workload names")
    if len(set(names)) != len(names):
        raise UserError(f"targets={path}: {key} names a workload twice")
    return names


def _finish_line(workloads: dict[str, Any], name: str, base: str, path: Path) -> ScoredWorkload:
    entry = workloads.get(name)
    entry = entry if isinstance(entry, dict) else {}
    metric, target = entry.get("target_metric_name"), entry.get("validation_target_value")
    if not isinstance(metric, str) or isinstance(target, bool) or not isinstance(target, int | float) or not math.isfinite(target):
        raise UserError(f"targets={path}: workloads.{name} needs target_metric_name and a finite validation_target_value")
    goal = entry.get("target_metric_goal") or ("minimize" if metric in MINIMIZED else "maximize" if metric in MAXIMIZED else None)
    if goal not in list(Direction):
        raise UserError(f"targets={path}: workloads.{name}: whether {metric} is minimized is unknown; add target_metric_goal")
    return ScoredWorkload(name=name, metric=metric, direction=Direction(goal), target=float(target), variant_of=base)


def read_algoperf(logs: Path, targets: Path, view: Callable[[TrialKey, bytes], bytes] | None = None) -> Results:
    """Reads a folder of AlgoPerf submissions.

    The framework suffix of a workload's folder is dropped. Workloads that are not in the targets file are left out. A trial folder
    without a CSV (or with one that has no row) is a trial that crashed before its first evaluation. `view` is shown the bytes of each CSV
    and returns those to be scored: a replay cuts logs short with it.

    Raises:
        UserError: no submission found, a malformed file, or the same trial twice.
    """
    finish = read_targets(Path(targets))
    infos = {info.name: info for info in finish.workloads}
    lines = {
        info.name: FinishLine(f"validation/{info.metric}".encode(), info.target, info.direction is Direction.MINIMIZE)
        for info in finish.workloads
    }
    trials: list[Trial] = []
    seen: dict[TrialKey, str] = {}
    ignored: dict[str, int] = {}
    lacking: dict[str, int] = {}
    submissions: list[str] = []
    for submission in _folders(Path(logs), "the AlgoPerf logs"):
        studies = list(_numbered(logs, submission, "study"))
        if studies:
            submissions.append(submission)
        for study, study_name in studies:
            for folder in _folders(Path(logs, submission, study_name), "a study"):
                workload = folder.removesuffix("_jax").removesuffix("_pytorch")
                if workload not in infos:
                    ignored[workload] = ignored.get(workload, 0) + 1
                    continue
                for number, name in _numbered(logs, submission, "trial", study_name, folder):
                    where = os.path.join(logs, submission, study_name, folder, name, "eval_measurements.csv")
                    key = TrialKey(submission, workload, study, number)
                    if key in seen:
                        raise UserError(f"{where}: the same trial is also in {seen[key]}; keep one of them")
                    seen[key] = where
                    found = _read(where, lines[workload], key, view)
                    for column in found.lacks:
                        lacking[column] = lacking.get(column, 0) + 1
                    trials.append(_trial(key, found, infos[workload]))
    if not submissions:
        raise UserError(f"{logs}: no SUBMISSION/study_*/ folders in it; give the folder that holds the submissions' folders")
    notes = [*finish.notes, *_notes(trials, submissions, infos, ignored, lacking)]
    return Results(
        source="algoperf",
        ruleset=f"algoperf {finish.version}".strip(),
        submissions=tuple(submissions),
        workloads=finish.workloads,
        trials=tuple(trials),
        notes=tuple(notes),
    )


def _folders(folder: Path, what: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read as {what} ({error.strerror})") from None


def _numbered(logs: Path, submission: str, kind: str, *below: str) -> Iterator[tuple[int, str]]:
    """The folders `kind_<number>`, by number."""
    names = _folders(Path(logs, submission, *below), f"a folder of {kind} folders")
    matches = [(match, name) for name in names if (match := NUMBERED[kind].fullmatch(name))]
    yield from sorted((int(match[1]), name) for match, name in matches)


def _read(where: str, line: FinishLine, key: TrialKey, view: Callable[[TrialKey, bytes], bytes] | None) -> Measurements:
    try:
        with open(where, "rb", buffering=0) as file:
            data = file.read()
    except FileNotFoundError:
        return NOTHING
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror})") from None
    return parse_measurements(view(key, data) if view else data, line, where)


def _trial(key: TrialKey, found: Measurements, info: ScoredWorkload) -> Trial:
    if found.reached:
        verdict, reason = "reached", ""
    elif found.rows == 0:
        verdict, reason = "crashed", "no evaluation was logged"
    elif found.lacks:
        verdict, reason = "missed", f"no column {' or '.join(found.lacks)} in its CSV"
    else:
        verdict, reason = "missed", f"{info.metric} never reached the target"
    return Trial(
        key=key,
        verdict=verdict,
        reason=reason,
        reached=found.reached,
        best_metric=found.best_metric,
        time_s=found.time_s,
        steps=found.steps,
        logged=found.logged,
        evaluations=found.rows,
    )


def _notes(
    trials: list[Trial], submissions: list[str], infos: dict[str, ScoredWorkload], ignored: dict[str, int], lacking: dict[str, int]
) -> Iterator[str]:
    if ignored:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(ignored.items()))
        yield f"folders that are no workload of the targets file, left out: {listed}"
    for column, count in sorted(lacking.items()):
        yield f"{count} trials lack the column {column}: they count as missed"
    run = {(trial.submission, trial.workload) for trial in trials}
    for name, info in infos.items():
        absent = [submission for submission in submissions if (submission, name) not in run]
        if len(absent) == len(submissions):
            effect = f": {info.variant_of} counts as missed for all, since its variant does" if info.variant_of else ""
            yield f"nobody ran {name}: it counts as missed for all{effect}"
        elif absent:
            yield f"{name} was not run by {', '.join(absent)}: it counts as missed there"
