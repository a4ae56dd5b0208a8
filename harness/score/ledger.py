"""Ledgers: `<campaign>/<submission>/<workload>/study_<k>/trial_<i>/record.json`, as `docs/ledger.md` describes them."""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger import SCHEMA
from harness.ledger.campaign import read_campaign
from harness.ledger.walk import find_parts
from harness.score.plan import Held, hold, place_of, without_record
from harness.score.results import SPEED_TOLERANCE, Results, ScoredWorkload, TargetReached, Trial

VERDICTS = frozenset({"reached", "missed", "diverged", "crashed", "out_of_memory", "timed_out", "stopped", "rejected"})
NAN = float("nan")
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Conditions:
    """What every trial of a fair board shares (per workload or submission where it says so), in comparable form."""

    hardware: str
    versions: str
    ruleset: str
    workload: str
    finish_line: str
    evaluate_every: str
    budget_s: str
    ranks: str
    submission: str
    source: str
    salt: str


@dataclass(frozen=True)
class _Found:
    trial: Trial
    info: ScoredWorkload
    conditions: Conditions
    record: Mapping[str, Any]
    sha256: str


def read_ledgers(paths: Sequence[Path]) -> Results:
    """Reads one or more ledgers into one set of results.

    Each path is a campaign's folder, or any folder above or below one. Only `record.json` is read for each trial, and one `spec.json` a
    workload. A trial folder without a record is unfinished and never counts as reached.

    Raises:
        UserError: nothing found, a record that is damaged or of another schema, or the same trial twice.
    """
    found: list[_Found] = []
    held: list[Held] = []
    unplanned: list[Trial] = []
    seen: dict[tuple[str, str, int, int], str] = {}
    variants: dict[str, str] = {}
    for part in find_parts(paths):
        content = read_campaign(Path(part.ledger))
        read = {place: _read_record(part.ledger, place, variants) for place in part.trials}
        ended = {place: item for place, item in read.items() if item is not None}
        whole = hold(part, content, {p: item.record for p, item in ended.items()}, {p: item.sha256 for p, item in ended.items()})
        held.append(whole)
        for place, item in ended.items():
            if place not in whole.strays:
                _must_be_new(item.trial, f"{part.ledger}/{place}", seen)
                found.append(item)
        if content is None:
            unplanned += filter(None, (_unfinished(f"{part.ledger}/{place}") for place in read.keys() - ended.keys()))
    unplanned = [trial for trial in unplanned if _key(trial) not in seen]
    pending = [*unplanned, *(trial for whole in held for trial in whole.missing if _key(trial) not in seen)]
    if strays := sum(len(whole.strays) for whole in held) if not found else 0:
        raise UserError(f"{paths[0]}: {strays} trials have a record, but none of them is one of campaign.yaml: put that file back")
    if not found:
        raise UserError(f"{paths[0]}: {len(pending)} trials, none finished; wait for the first record.json")
    finished = {item.info.name: item.info for item in found}
    infos = {name: info for whole in held for name, info in whole.workloads.items()} | finished
    trials = sorted([*(item.trial for item in found), *(trial for trial in pending if trial.workload in infos)], key=_key)
    notes = [*_notes(unplanned, infos, infos.keys() - finished.keys()), *_speed_deviations(trials), *_raced(trials)]
    rulesets = sorted({item.conditions.ruleset for item in found})
    return Results(
        "ledger",
        "+".join(rulesets),
        tuple(sorted({trial.submission for trial in trials})),
        tuple(infos[name] for name in sorted(infos)),
        tuple(trials),
        tuple(notes),
        tuple(_differences([item.conditions for item in found])),
        tuple(line for whole in held for line in whole.lines),
        "; ".join(str(whole.standing) for whole in held),
        " ".join(whole.standing.digest for whole in held),
    )


def _must_be_new(trial: Trial, folder: str, seen: dict[tuple[str, str, int, int], str]) -> None:
    key = _key(trial)
    if key in seen:
        raise UserError(f"{folder}: study {key[2]}, trial {key[3]} of {key[0]} on {key[1]} is also in {seen[key]}; score one of them")
    seen[key] = folder


def _key(trial: Trial) -> tuple[str, str, int, int]:
    return trial.submission, trial.workload, trial.study, trial.trial


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _load(path: str, text: bytes | None) -> dict[str, Any] | None:
    """The JSON object of a file's text, or None if there is no such file."""
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); restore it or remove the trial's folder") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a JSON object; restore it or remove the trial's folder")
    if content.get("schema") != SCHEMA:
        raise UserError(
            f"{path}: ledger schema {content.get('schema')}, this version reads {SCHEMA}; score it with the version that wrote it"
        )
    return content


def _read_record(ledger: str, place: str, variants: dict[str, str]) -> _Found | None:
    folder = f"{ledger}/{place}"
    path = f"{folder}/record.json"
    text = _read(path)
    record = _load(path, text)
    if text is None or record is None:
        return None
    try:
        workload = str(record["workload"])
        if workload not in variants:
            variants[workload] = _variant_of(record, folder)
        info = ScoredWorkload(workload, record["metric"], record["direction"], float(record["target"]), variants[workload])
        trial = _trial(record, path)
        conditions = _conditions(record)
    except KeyError as error:
        raise UserError(f"{path}: has no field {error}; restore it or remove the trial's folder") from None
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: a field has the wrong type ({error}); restore it or remove the trial's folder") from None
    if place_of(trial.submission, workload, trial.study, trial.trial) != place:
        raise UserError(f"{path}: it is of study {trial.study}, trial {trial.trial} of {trial.submission} on {workload}, not of its folder")
    return _Found(trial, info, conditions, record, sha256(text).hexdigest())


def _trial(record: dict[str, Any], path: str) -> Trial:
    verdict, reached = record["verdict"], record["reached"]
    if verdict not in VERDICTS:
        raise UserError(f"{path}: unknown verdict '{verdict}'; it is one of {', '.join(sorted(VERDICTS))}")
    hit = None
    if verdict == "reached":
        if reached is None:
            raise UserError(f"{path}: the verdict is reached but no row is given; restore it or remove the trial's folder")
        hit = TargetReached(int(reached["evaluation"]), float(reached["time_s"]), float(reached["step"]), _number(reached["cpu_time_s"]))
        if not (hit.time_s >= 0 and hit.steps >= 0 and (hit.cpu_time_s >= 0 or hit.cpu_time_s != hit.cpu_time_s)):
            raise UserError(f"{path}: a negative or missing time at the target; restore it or remove the trial's folder")
    best, last = record["best_metric"], record["last"]
    return Trial(
        str(record["submission"]),
        str(record["workload"]),
        int(record["study"]),
        int(record["trial"]),
        verdict,
        str(record["reason"] or ""),
        hit,
        _number(best),
        _number(record["time_s"]),
        _number(record["steps"]),
        last is not None,
        0 if last is None else int(last["evaluation"]) + 1,
        int(record["host_memory_bytes"] or 0),
        int(record["device_memory_bytes"] or 0),
        str(record["sandbox"]),
        max((float(segment.get("speed_deviation") or 0) for segment in record["segments"]), key=abs, default=0.0),
        str(record["cpu_clock"]),
    )


def _number(value: float | None) -> float:
    """A ledger writes null for what is not finite."""
    return NAN if value is None else float(value)


def _variant_of(record: dict[str, Any], folder: str) -> str:
    """The base workload, from the record or else from the trial's spec; empty for a base workload."""
    if "variant_of" in record:
        return str(record["variant_of"] or "")
    spec = _load(f"{folder}/spec.json", _read(f"{folder}/spec.json"))
    block = spec.get("workload") if spec else None
    return str(block.get("variant_of") or "") if isinstance(block, dict) else ""


def _conditions(record: dict[str, Any]) -> Conditions:
    versions = record["versions"]
    line = f"{record['metric']} {record['direction']} {record['target']:g}, version {record['workload_version']}"
    return Conditions(
        str(record["hardware"]),
        ", ".join(f"{name} {versions[name]}" for name in sorted(versions)),
        str(record["ruleset"]),
        str(record["workload"]),
        line,
        f"{record['evaluate_every']} examples",
        f"{record['budget_s']:g} s",
        f"{record.get('ranks', 1)}",
        str(record["submission"]),
        str(record["source_hash"])[:12],
        str(record["salt"] or "none")[:12],
    )


def _differences(conditions: list[Conditions]) -> Iterator[str]:
    """One line for each thing that trials of one board must share and do not."""
    for name, of, field in (
        ("hardware", "", "hardware"),
        ("versions", "", "versions"),
        ("ruleset", "", "ruleset"),
        ("finish line of ", "workload", "finish_line"),
        ("evaluation period of ", "workload", "evaluate_every"),
        ("budget of ", "workload", "budget_s"),
        ("ranks of ", "workload", "ranks"),
        ("source of ", "submission", "source"),
        ("salt of the held-out data", "", "salt"),
    ):
        values: dict[str, dict[str, int]] = {}
        for item in conditions:
            counts = values.setdefault(getattr(item, of) if of else "", {})
            value = getattr(item, field)
            counts[value] = counts.get(value, 0) + 1
        for owner, counts in sorted(values.items()):
            if len(counts) > 1:
                yield f"{name}{owner}: " + " | ".join(f"{value} ({count} trials)" for value, count in sorted(counts.items()))


def _unfinished(folder: str) -> Trial | None:
    """A trial that has no record yet, named by its spec, or None where there is none to name it."""
    spec = _load(f"{folder}/spec.json", _read(f"{folder}/spec.json"))
    if spec is None:
        return None
    block = spec.get("workload")
    if not isinstance(block, dict):
        return None
    workload = f"{block.get('name')}/{block.get('tier')}"
    try:
        return without_record(str(spec["submission"]), workload, int(spec["study"]), int(spec["trial"]))
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{folder}/spec.json: damaged; remove the trial's folder") from None


def _speed_deviations(trials: list[Trial]) -> Iterator[str]:
    off = [
        f"{t.submission} on {t.workload}, study {t.study}, trial {t.trial} ({t.speed_deviation:+.0%})" for t in trials if t.speed_deviates
    ]
    if off:
        more = f"; and {len(off) - MOST_NAMED} more" if len(off) > MOST_NAMED else ""
        summary = f"{len(off)} trials ran on a machine that was more than {SPEED_TOLERANCE:.0%} off the speed that it was calibrated with"
        yield f"{summary}: {'; '.join(off[:MOST_NAMED])}{more}"


def _notes(pending: list[Trial], infos: Mapping[str, ScoredWorkload], nobody: Set[str]) -> Iterator[str]:
    if pending:
        where = sorted({f"{trial.submission} on {trial.workload}" for trial in pending})
        yield f"{len(pending)} trials are unfinished and count as missed: {', '.join(where)}"
    for name in sorted(nobody):
        yield f"{name} is missed by all: no trial on it has finished"
    for name in sorted({trial.workload for trial in pending} - set(infos)):
        yield f"{name} is left out: no trial on it has finished"
    for info in infos.values():
        if info.variant_of and info.variant_of not in infos:
            yield f"{info.name} counts for nothing: its base workload {info.variant_of} is not on this board"


def _raced(trials: Sequence[Trial]) -> Iterator[str]:
    """Racing leaves scores and ranks as they are, and not what is said about their uncertainty (docs/racing.md)."""
    studies: dict[tuple[str, str, int], set[str]] = {}
    for trial in trials:
        studies.setdefault((trial.submission, trial.workload, trial.study), set()).add(trial.verdict)
    raced = sum("stopped" in verdicts and "reached" not in verdicts for verdicts in studies.values())
    if raced:
        yield f"{raced} studies were stopped by racing: scores and ranks do not depend on it; intervals and p do, for which it is a miss"
