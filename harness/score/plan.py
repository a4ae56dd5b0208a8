"""A ledger held against campaign.yaml and signature.json: what is missing, what was not planned, who signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.ledger.paths import CAMPAIGN, TrialKey
from harness.ledger.plan import Plan
from harness.ledger.record import Record
from harness.ledger.signature import Standing, contents_of, named, standing
from harness.ledger.walk import Part
from harness.score.results import ScoredWorkload, Trial


@dataclass(frozen=True, kw_only=True)
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


def hold(part: Part, plan: Plan | None, records: Mapping[str, Record], digests: Mapping[str, str]) -> Held:
    """Holds (a part of) a ledger against its plan and its signature.

    Args:
        part: what was asked for.
        plan: that of campaign.yaml, None where there is none.
        records: by the trial's path in the ledger.
        digests: the sha256 of each record.json likewise.
    """
    ledger = Path(part.ledger)
    signed = standing(ledger, contents_of(ledger, digests), part.asks_for)
    line = f"{part.name}: {signed}, digest {signed.digest}"
    if plan is None:
        campaigns = {record.campaign for record in records.values() if record.campaign is not None}
        lost = f"{part.name}: its {CAMPAIGN} is missing: nobody can tell which trials of campaign {named(campaigns)} are missing"
        lines = (line, lost) if campaigns else (line,)
        return Held(standing=signed, strays=frozenset(), missing=(), workloads={}, lines=lines)
    planned = {key.place: key for key in plan.trials() if part.asks_for(key.place)}
    promises = _promises(plan)
    strays = frozenset(place for place, record in records.items() if place not in planned or not _is(record, planned[place], promises))
    missing = tuple(
        Trial(key=key, verdict="unfinished", reason="no record")
        for place, key in planned.items()
        if place not in records or place in strays
    )
    asked = {key.workload for key in planned.values()}
    lines_found = [line]
    if missing:
        where = {f"{trial.submission} on {trial.workload}" for trial in missing}
        lines_found.append(
            f"{part.name}: {len(missing)} of {len(planned)} planned trials have no record yet and count as missed: {named(where)}"
        )
    if strays:
        lines_found.append(f"{part.name}: {len(strays)} trials are not those of {CAMPAIGN} and do not count: {named(set(strays))}")
    return Held(
        standing=signed,
        strays=strays,
        missing=missing,
        workloads={info.name: info for info in _workloads(plan) if info.name in asked},
        lines=tuple(lines_found),
    )


def _promises(plan: Plan) -> Mapping[tuple[str, str], tuple[object, ...]]:
    """What the record of a trial must say, by submission and workload; seed, budget and point are for `finishline verify`."""
    return {
        (s.name, w.id): (plan.campaign, plan.ruleset.name, s.source_hash, w.version, w.metric, w.direction, w.target, w.variant_of)
        for s in plan.submissions
        for w in plan.workloads
    }


def _is(record: Record, key: TrialKey, promises: Mapping[tuple[str, str], tuple[object, ...]]) -> bool:
    r = record
    return r.key == key and promises[key.submission, key.workload] == (
        *(r.campaign, r.ruleset, r.source_hash, r.workload_version),
        *(r.metric, r.direction, r.target, r.variant_of),
    )


def _workloads(plan: Plan) -> list[ScoredWorkload]:
    return [
        ScoredWorkload(name=w.id, metric=w.metric, direction=w.direction, target=w.target, variant_of=w.variant_of or "")
        for w in plan.workloads
    ]
