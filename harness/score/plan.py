"""A ledger held against campaign.yaml and signature.json: what is missing, what was not planned, who signed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.ledger.campaign import FILE
from harness.ledger.signature import Standing, contents_of, named, standing
from harness.ledger.walk import Part
from harness.score.results import ScoredWorkload, Trial

NAN = float("nan")


@dataclass(frozen=True)
class Held:
    """What a ledger is as a whole.

    `strays` are places of records that the plan does not have: they do not count. `missing` are planned trials without a record: they
    count as missed. `workloads` are those of the plan; `lines` say all of it to the reader of a board.
    """

    standing: Standing
    strays: frozenset[str]
    missing: tuple[Trial, ...]
    workloads: Mapping[str, ScoredWorkload]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A trial of the plan, with what its record must say."""

    submission: str
    workload: str
    study: int
    trial: int
    must: Mapping[str, Any]


def hold(part: Part, content: Mapping[str, Any] | None, records: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]) -> Held:
    """Holds (a part of) a ledger against its plan and its signature.

    Args:
        part: what was asked for.
        content: that of campaign.yaml, None where there is none.
        records: by the trial's path in the ledger.
        digests: the sha256 of each record.json likewise.

    Raises:
        UserError: campaign.yaml lacks a field.
    """
    ledger = Path(part.ledger)
    signed = standing(ledger, contents_of(ledger, digests), part.asks_for)
    line = f"{part.name}: {signed}, digest {signed.digest}"
    if content is None:
        campaigns = {str(record["campaign"]) for record in records.values() if record["campaign"] is not None}
        lost = f"{part.name}: its {FILE} is missing: nobody can tell which trials of campaign {named(campaigns)} are missing"
        return Held(signed, frozenset(), (), {}, (line, lost) if campaigns else (line,))
    try:
        plan = {place: planned for place, planned in _planned(content) if part.asks_for(place)}
        asked = {planned.workload for planned in plan.values()}
        workloads = {name: info for name, info in _workloads(content) if name in asked}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{ledger / FILE} is not a campaign's plan ({type(error).__name__}: {error})") from None
    strays = frozenset(place for place, record in records.items() if place not in plan or not _is(record, plan[place]))
    missing = tuple(
        without_record(planned.submission, planned.workload, planned.study, planned.trial)
        for place, planned in plan.items()
        if place not in records or place in strays
    )
    lines = [line]
    if missing:
        where = {f"{trial.submission} on {trial.workload}" for trial in missing}
        lines.append(f"{part.name}: {len(missing)} of {len(plan)} planned trials have no record yet and count as missed: {named(where)}")
    if strays:
        lines.append(f"{part.name}: {len(strays)} trials are not those of {FILE} and do not count: {named(set(strays))}")
    return Held(signed, strays, missing, workloads, tuple(lines))


def place_of(submission: str, workload: str, study: int, trial: int) -> str:
    """Returns where a trial lies in its ledger."""
    return f"{submission}/{workload.replace('/', '-')}/study_{study}/trial_{trial}"


def without_record(submission: str, workload: str, study: int, trial: int) -> Trial:
    """Returns a trial that has no record: nothing is known of it, and it counts as missed."""
    return Trial(submission, workload, study, trial, "unfinished", "no record", None, NAN, NAN, NAN, False, 0, 0, 0, "")


def _planned(content: Mapping[str, Any]) -> Iterator[tuple[str, _Planned]]:
    """Every trial of a plan by its place, with what its record must say; seed, budget and point are for `finishline verify`."""
    shared = {"campaign": content["campaign"], "ruleset": content["ruleset"]["name"]}
    for submission in content["submissions"]:
        for workload in content["workloads"]:
            must = shared | {"source_hash": submission["source_hash"], "workload_version": workload["version"]}
            must |= {name: workload[name] for name in ("metric", "direction", "target", "variant_of")}
            for study in range(1, content["studies"] + 1):
                for trial in range(1, content["ruleset"]["trials"] + 1):
                    planned = _Planned(submission["name"], _name(workload), study, trial, must)
                    yield place_of(planned.submission, planned.workload, study, trial), planned


def _workloads(content: Mapping[str, Any]) -> Iterator[tuple[str, ScoredWorkload]]:
    for workload in content["workloads"]:
        name = _name(workload)
        yield name, ScoredWorkload(name, workload["metric"], workload["direction"], float(workload["target"]), workload["variant_of"] or "")


def _name(workload: Mapping[str, Any]) -> str:
    return f"{workload['name']}/{workload['tier']}"


def _is(record: Mapping[str, Any], planned: _Planned) -> bool:
    return all(record.get(name) == value for name, value in planned.must.items())
