"""Ledgers: `<campaign>/<submission>/<workload>/study_<k>/trial_<i>/record.json`, as `docs/ledger.md` describes them."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from hashlib import sha256
from math import isnan, nan
from pathlib import Path

from harness.errors import UserError
from harness.ledger.paths import TrialKey, TrialPaths, record_path
from harness.ledger.plan import read_plan
from harness.ledger.reading import read_bytes, read_json
from harness.ledger.record import Record, decode_record
from harness.ledger.spec import TrialSpec
from harness.ledger.walk import find_parts
from harness.score.overlap import machine_s, overlaps_s
from harness.score.plan import Held, hold
from harness.score.results import SPEED_TOLERANCE, Provenance, Results, ScoredWorkload, TargetReached, Trial

MAX_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class _Found:
    trial: Trial
    info: ScoredWorkload
    conditions: Conditions
    record: Record
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
    campaigns: list[str] = []
    unplanned: list[Trial] = []
    seen: dict[TrialKey, str] = {}
    for part in find_parts(paths):
        plan = read_plan(Path(part.ledger))
        read = {place: _read_record(part.ledger, place) for place in part.trials}
        ended = {place: item for place, item in read.items() if item is not None}
        whole = hold(part, plan, {p: item.record for p, item in ended.items()}, {p: item.sha256 for p, item in ended.items()})
        held.append(whole)
        hashes = {plan.campaign} if plan else {item.record.campaign for item in ended.values() if item.record.campaign}
        campaigns += [f"{part.name} ({', '.join(sorted(hashes)) or 'single trials'})"]
        for place, item in ended.items():
            if place not in whole.strays:
                _must_be_new(item.trial, f"{part.ledger}/{place}", seen)
                found.append(item)
        if plan is None:
            unplanned += filter(None, (_unfinished(Path(part.ledger, place)) for place in read.keys() - ended.keys()))
    unplanned = [trial for trial in unplanned if trial.key not in seen]
    pending = [*unplanned, *(trial for whole in held for trial in whole.missing if trial.key not in seen)]
    if strays := sum(len(whole.strays) for whole in held) if not found else 0:
        raise UserError(f"{paths[0]}: {strays} trials have a record, but none of them is one of campaign.yaml: put that file back")
    if not found:
        raise UserError(f"{paths[0]}: {len(pending)} trials, none finished; wait for the first record.json")
    finished = {item.info.name: item.info for item in found}
    infos = {name: info for whole in held for name, info in whole.workloads.items()} | finished
    trials = sorted([*_with_overlaps(found), *(trial for trial in pending if trial.workload in infos)], key=lambda trial: trial.key)
    notes = [
        *_notes(unplanned, infos, infos.keys() - finished.keys()),
        *_speed_deviations(trials),
        *_beside_others(trials),
        *_raced(trials),
    ]
    rulesets = sorted({item.conditions.ruleset for item in found})
    return Results(
        source="ledger",
        ruleset="+".join(rulesets),
        submissions=tuple(sorted({trial.submission for trial in trials})),
        workloads=tuple(infos[name] for name in sorted(infos)),
        trials=tuple(trials),
        notes=tuple(notes),
        differences=tuple(_differences([item.conditions for item in found])),
        head=tuple(line for whole in held for line in whole.lines),
        signature="; ".join(str(whole.standing) for whole in held),
        digest=" ".join(whole.standing.digest for whole in held),
        provenance=_provenance([item.record for item in found], campaigns),
    )


def _must_be_new(trial: Trial, folder: str, seen: dict[TrialKey, str]) -> None:
    if trial.key in seen:
        raise UserError(f"{folder}: {trial.key} is also in {seen[trial.key]}; score one of them")
    seen[trial.key] = folder


def _read_record(ledger: str, place: str) -> _Found | None:
    path = record_path(ledger, place)
    content = read_bytes(path)
    if content is None:
        return None
    record = decode_record(content, path)
    if record.key.place != place:
        raise UserError(f"{path}: it is of {record.key}, not of its folder")
    info = ScoredWorkload(
        name=record.workload,
        metric=record.metric,
        direction=record.direction,
        target=record.target,
        variant_of=record.variant_of or "",
    )
    digest = sha256(content).hexdigest()
    return _Found(trial=_trial(record), info=info, conditions=_conditions(record), record=record, sha256=digest)


def _trial(record: Record) -> Trial:
    row, last = record.reached, record.last
    return Trial(
        key=record.key,
        verdict=record.verdict,
        reason=record.reason,
        reached=TargetReached(evaluation=row.evaluation, time_s=row.time_s, steps=row.step, cpu_time_s=row.cpu_time_s) if row else None,
        best_metric=nan if record.best_metric is None else record.best_metric,
        time_s=record.time_s,
        steps=record.steps,
        cpu_time_s=record.cpu_time_s,
        logged=last is not None,
        evaluations=0 if last is None else last.evaluation + 1,
        host_memory_bytes=record.host_memory_bytes,
        device_memory_bytes=record.device_memory_bytes,
        sandbox=record.sandbox,
        speed_deviation=max((segment.speed_deviation or 0.0 for segment in record.segments), key=abs, default=0.0),
        cpu_clock=record.cpu_clock,
        overlap_s=0.0,
        wall_s=machine_s(record),
    )


def _with_overlaps(found: list[_Found]) -> Iterator[Trial]:
    for item, overlap_s in zip(found, overlaps_s([item.record for item in found]), strict=True):
        yield item.trial if overlap_s == item.trial.overlap_s else replace(item.trial, overlap_s=overlap_s)


def _versions(record: Record) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))


def _provenance(records: list[Record], campaigns: list[str]) -> Provenance:
    starts = sorted(segment.started_at for record in records for segment in record.segments)
    return Provenance(
        campaigns=tuple(sorted(campaigns)),
        hardware=tuple(sorted({record.hardware for record in records})),
        versions=tuple(sorted({_versions(record) for record in records})),
        sandboxes=tuple(sorted({record.sandbox for record in records})),
        first_start=starts[0] if starts else "",
        last_start=starts[-1] if starts else "",
    )


def _conditions(record: Record) -> Conditions:
    return Conditions(
        hardware=record.hardware,
        versions=_versions(record),
        ruleset=record.ruleset,
        workload=record.workload,
        finish_line=f"{record.metric} {record.direction} {record.target:g}, version {record.workload_version}",
        evaluate_every=f"{record.evaluate_every} examples",
        budget_s=f"{record.budget_s:g} s",
        ranks=str(record.ranks),
        submission=record.submission,
        source=record.source_hash[:12],
        salt=(record.salt or "none")[:12],
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


def _unfinished(folder: Path) -> Trial | None:
    """A trial that has no record yet, named by its spec, or None where there is none to name it."""
    spec = read_json(TrialPaths(folder).spec, TrialSpec)
    return Trial(key=spec.key, verdict="unfinished", reason="no record") if spec else None


def _speed_deviations(trials: list[Trial]) -> Iterator[str]:
    off = [
        f"{t.submission} on {t.workload}, study {t.study}, trial {t.trial} ({t.speed_deviation:+.0%})" for t in trials if t.speed_deviates
    ]
    if off:
        more = f"; and {len(off) - MAX_NAMED} more" if len(off) > MAX_NAMED else ""
        summary = f"{len(off)} trials ran on a machine that was more than {SPEED_TOLERANCE:.0%} off the speed that it was calibrated with"
        yield f"{summary}: {'; '.join(off[:MAX_NAMED])}{more}"


def _beside_others(trials: list[Trial]) -> Iterator[str]:
    known = [trial for trial in trials if not isnan(trial.overlap_s)]
    beside = sum(trial.shared_machine for trial in known)
    if beside:
        share = sum(trial.overlap_s for trial in known) / sum(trial.wall_s for trial in known)
        yield (
            f"{beside} of {len(trials)} trials ran beside others of this board on the same machine ({share:.0%} of the time): "
            "alone they may take fewer seconds; steps do not depend on it, CPU seconds little "
            "(score_steps and score_cpu_time in leaderboard.csv, overlap_s in studies.csv)"
        )


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
        yield (
            f"{raced} studies were stopped by racing: scores and ranks on the clock that was raced on do not depend on it; intervals do, "
            "for which it is a miss, and p, for which it is slower than whatever had reached the target by then"
        )
