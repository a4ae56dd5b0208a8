"""Small worlds: ledgers, AlgoPerf logs, and results that never touched a disk."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.ledger import SCHEMA
from harness.ledger.paths import TrialKey
from harness.ledger.reading import write_json
from harness.ledger.spec import TrialSpec
from harness.score.results import Results, ScoredWorkload, TargetReached, Trial
from harness.workload import Direction, WorkloadConfig

INF = float("inf")
HEADER = "accumulated_submission_time,global_step,score,validation/loss,validation/accuracy,validation/wer"

WORKLOAD = WorkloadConfig(
    name="lm",
    tier="cpu",
    version=1,
    task="",
    metric="loss",
    direction=Direction.MINIMIZE,
    target=1.85,
    test_target=2.0,
    budget_s=180.0,
    reference_batch=16,
    step_hint=300,
    loss_kind="cross_entropy",
    threads=1,
)


def row(time_s: float, **fields: Any) -> dict[str, Any]:
    """A row as it stands in a record."""
    values = {
        "evaluation": 3,
        "step": 300,
        "examples": 4800,
        "time_s": time_s,
        "cpu_time_s": 2 * time_s,
        "valid_metric": 1.84,
        "valid_loss": 1.84,
        "test_metric": None,
        "startup_s": 1.0,
        "checkpoint_s": 0.0,
        "evaluation_s": 1.0,
        "frozen_cpu_s": 0.0,
        "wall_s": time_s + 2,
        "host_memory_bytes": 1000,
        "device_memory_bytes": 0,
    }
    return values | fields


def record(submission: str, workload: str, study: int, trial: int, time_s: float | None, **fields: Any) -> dict[str, Any]:
    """A record as in docs/ledger.md; `time_s` None is a trial that missed."""
    values = {
        "schema": SCHEMA,
        "campaign": None,
        "submission": submission,
        "source_hash": f"hash of {submission}",
        "workload": workload,
        "workload_version": 1,
        "variant_of": None,
        "metric": "loss",
        "direction": "minimize",
        "target": 1.85,
        "ruleset": "self",
        "budget_s": 180.0,
        "evaluate_every": 320,
        "study": study,
        "trial": trial,
        "seed": 1,
        "hp": {},
        "verdict": "missed" if time_s is None else "reached",
        "reason": "the budget ran out" if time_s is None else "",
        "reached": None if time_s is None else row(time_s),
        "last": row(180.0 if time_s is None else time_s),
        "best_metric": 2.5 if time_s is None else 1.84,
        "time_s": 180.0 if time_s is None else time_s,
        "cpu_time_s": 360.0 if time_s is None else 2 * time_s,
        "steps": 300,
        "wall_s": 200.0,
        "startup_s": 1.0,
        "evaluation_s": 1.0,
        "checkpoint_s": 0.0,
        "frozen_cpu_s": 0.0,
        "host_memory_bytes": 1000 * trial,
        "device_memory_bytes": 0,
        "segments": [],
        "ranks": 1,
        "frozen_ranks": 1,
        "sandbox": "bwrap",
        "hardware": "AMD EPYC x2, cpu",
        "versions": {"finishline": "0.1.0", "torch": "2.13.0"},
        "weights_sha256": None,
        "cpu_clock": "proc",
        "salt": None,
        "spec_sha256": "0" * 64,
        "chain": "0" * 64,
    }
    reached = fields.pop("reached_row", {})
    if values["reached"]:
        values["reached"] |= reached
    return values | fields


def write_trial(root: Path, submission: str, workload: str, study: int, trial: int, time_s: float | None, **fields: Any) -> Path:
    """Writes one finished trial of a ledger; returns its folder."""
    folder = new_folder(root, submission, workload, study, trial)
    (folder / "record.json").write_text(json.dumps(record(submission, workload, study, trial, time_s, **fields)))
    return folder


def write_unfinished(root: Path, submission: str, workload: str, study: int, trial: int) -> Path:
    """Writes a trial that has a spec and no record."""
    folder = new_folder(root, submission, workload, study, trial)
    name, tier = workload.split("/")
    spec = TrialSpec(
        campaign=None,
        submission=submission,
        submission_path="",
        source_hash="",
        hp={},
        workload=replace(WORKLOAD, name=name, tier=tier),
        workload_path="",
        ruleset="self",
        budget_s=180.0,
        evaluate_every=320,
        study=study,
        trial=trial,
        seed=1,
    )
    write_json(folder / "spec.json", spec)
    return folder


def new_folder(root: Path, submission: str, workload: str, study: int, trial: int) -> Path:
    folder = TrialKey(submission, workload, study, trial).folder(root)
    folder.mkdir(parents=True)
    return folder


def write_ledger(root: Path, times: Mapping[str, Mapping[str, list[float | None]]], **fields: Any) -> Path:
    """Writes one trial a study: submission to workload to study times."""
    for submission, workloads in times.items():
        for workload, studies in workloads.items():
            for k, time_s in enumerate(studies, 1):
                write_trial(root, submission, workload, k, 1, time_s, **fields)
    return root


def made(
    times: Mapping[str, Mapping[str, list[list[float]]]], variants: Mapping[str, str] | None = None, source: str = "ledger"
) -> Results:
    """Results in memory: submission to workload to studies to trial times; infinite is a miss. Steps are ten times the seconds."""
    names = sorted({workload for workloads in times.values() for workload in workloads})
    infos = tuple(scored(name, (variants or {}).get(name, "")) for name in names)
    trials = [
        Trial(
            key=TrialKey(submission, workload, k, i),
            verdict="missed" if time == INF else "reached",
            reason="",
            reached=None if time == INF else reached_at(time),
            best_metric=1.5 if time == INF else 0.9,
            time_s=100.0,
            steps=1000.0,
            logged=True,
            evaluations=10,
            sandbox="bwrap",
        )
        for submission, workloads in times.items()
        for workload, studies in workloads.items()
        for k, trials in enumerate(studies, 1)
        for i, time in enumerate(trials, 1)
    ]
    submissions = tuple(sorted(times))
    return Results(source=source, ruleset="self", submissions=submissions, workloads=infos, trials=tuple(trials))  # type: ignore[arg-type]


def scored(name: str, variant_of: str = "") -> ScoredWorkload:
    return ScoredWorkload(name=name, metric="loss", direction=Direction.MINIMIZE, target=1.0, variant_of=variant_of)


def reached_at(time: float) -> TargetReached:
    return TargetReached(evaluation=5, time_s=time, steps=10 * time, cpu_time_s=2 * time)


def write_log(root: Path, submission: str, study: int, folder: str, trial: int, rows: list[str], header: str = HEADER) -> Path:
    """Writes one eval_measurements.csv of AlgoPerf logs."""
    path = root / submission / f"study_{study}" / folder / f"trial_{trial}" / "eval_measurements.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def curve(*points: tuple[float, float]) -> list[str]:
    """Rows of (seconds, loss); steps are ten times the seconds, accuracy 1 - loss, wer the loss."""
    return [f"{time},{int(10 * time)},{time},{loss},{1 - loss},{loss}" for time, loss in points]


def write_targets(
    path: Path, base: list[str], held_out: list[str] | None = None, metric: str = "loss", target: float = 0.5, **more: Any
) -> Path:
    """Writes a frozen targets file in which all workloads share metric and target."""
    entry = {"target_metric_name": metric, "validation_target_value": target, "step_hint": 100, **more}
    content = {"benchmark_version": "test", "base_workloads": base, "workloads": dict.fromkeys([*base, *(held_out or [])], entry)}
    if held_out is not None:
        content["held_out_workloads"] = held_out
    path.write_text(json.dumps(content))
    return path
