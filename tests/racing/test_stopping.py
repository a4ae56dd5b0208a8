"""Racing on a ledger that the test writes: who may stop, who has to go on, and the board of the scorer."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.plan import specs
from harness.ledger.plan import Plan
from harness.ledger.spec import TrialSpec
from harness.project.project import Project
from harness.project.rulesets import Ruleset
from harness.racing.race import TrialKey
from harness.racing.stopping import reason_to_stop, to_continue
from harness.score import ScoreOptions, read_ledgers, score_board
from tests.campaign.test_plan import plan
from tests.conftest import World
from tests.score.builders import row, write_trial


@pytest.fixture
def small(world: World) -> Plan:
    """Submissions one and two, three studies of two trials, on toy/cpu and its variant toy/gpu."""
    whole = plan(world, Ruleset("external", 3, 2, 1.0, "search"))
    base, variant = whole.workloads
    return replace(whole, workloads=(base, replace(variant, variant_of=base.id)))


def spec(plan: Plan, world: World, submission: str, workload: str, study: int, trial: int) -> TrialSpec:
    wanted = (submission, workload, study, trial)
    return next(s for s in specs(plan, Project(world.root)) if (s.submission, s.workload.id, s.study, s.trial) == wanted)


def stop(ledger: Path, submission: str, workload: str, study: int, trial: int, time_s: float) -> None:
    last = row(time_s, step=int(10 * time_s), cpu_time_s=time_s) if time_s else None
    write_trial(ledger, submission, workload, study, trial, None, verdict="stopped", last=last)


def fill(ledger: Path, submission: str, workload: str, *studies: tuple[float | None, float | None]) -> None:
    for k, times in enumerate(studies, 1):
        for i, time in enumerate(times, 1):
            write_trial(ledger, submission, workload, k, i, time, variant_of="toy/cpu" if workload == "toy/gpu" else None)


def test_a_faster_trial_of_the_study(small: Plan, world: World, tmp_path: Path) -> None:
    write_trial(tmp_path, "one", "toy/cpu", 1, 2, 10.0)
    mine = spec(small, world, "one", "toy/cpu", 1, 1)
    assert reason_to_stop(small, tmp_path, mine, 9.0) is None
    assert reason_to_stop(small, tmp_path, mine, 10.0) == "its study has a faster trial: trial 2 reached the target at 10"
    assert reason_to_stop(small, tmp_path, spec(small, world, "one", "toy/cpu", 2, 1), 10.0) is None
    assert reason_to_stop(small, tmp_path, spec(small, world, "two", "toy/cpu", 1, 1), 10.0) is None


def test_four_times_the_best_known_median_of_the_others(small: Plan, world: World, tmp_path: Path) -> None:
    fill(tmp_path, "one", "toy/cpu", (10.0, 20.0))
    fill(tmp_path, "one", "toy/gpu", (5.0, 5.0), (5.0, 5.0), (5.0, 5.0))
    mine = spec(small, world, "two", "toy/cpu", 1, 1)
    assert reason_to_stop(small, tmp_path, mine, 100.0) is None
    write_trial(tmp_path, "one", "toy/cpu", 3, 1, 12.0)
    assert reason_to_stop(small, tmp_path, mine, 48.0) is None
    assert reason_to_stop(small, tmp_path, mine, 49.0) is None  # met at all, it would keep its variant in the race, which may cut
    fill(tmp_path, "two", "toy/gpu", (5.0, 5.0), (5.0, 5.0), (5.0, 5.0))
    assert "above 4 x the best known, 12" in str(reason_to_stop(small, tmp_path, mine, 49.0))


def test_a_trial_that_need_not_start(small: Plan, world: World, tmp_path: Path) -> None:
    fill(tmp_path, "one", "toy/cpu", (None, None), (None, None))
    assert "settled" in str(reason_to_stop(small, tmp_path, spec(small, world, "one", "toy/cpu", 3, 1), 0.0))
    assert "cannot count" in str(reason_to_stop(small, tmp_path, spec(small, world, "one", "toy/gpu", 1, 1), 0.0))


@pytest.mark.parametrize("verdict", ["crashed", "out_of_memory", "timed_out", "stopped"])
def test_what_may_yet_go_on_is_not_a_miss(small: Plan, world: World, tmp_path: Path, verdict: str) -> None:
    fill(tmp_path, "one", "toy/cpu", (None, None))
    mine = spec(small, world, "one", "toy/cpu", 3, 1)
    write_trial(tmp_path, "one", "toy/cpu", 2, 1, None, verdict=verdict)
    second = write_trial(tmp_path, "one", "toy/cpu", 2, 2, None)
    assert reason_to_stop(small, tmp_path, mine, 0.0) is None
    first = second.with_name("trial_1") / "record.json"
    first.write_text(first.read_text().replace(f'"{verdict}"', '"missed"'))
    assert reason_to_stop(small, tmp_path, mine, 0.0)


def test_a_half_written_record_and_a_time_that_was_not_kept_prove_nothing(small: Plan, world: World, tmp_path: Path) -> None:
    folder = write_trial(tmp_path, "one", "toy/cpu", 1, 2, 10.0)
    mine = spec(small, world, "one", "toy/cpu", 1, 1)
    (folder / "record.json").write_text((folder / "record.json").read_text()[:-30])
    assert reason_to_stop(small, tmp_path, mine, 50.0) is None
    (folder / "record.json").write_text(json.dumps({"verdict": "reached", "reached": {"time_s": None}}))
    assert reason_to_stop(small, tmp_path, mine, 50.0) is None


def test_other_clocks(small: Plan, world: World, tmp_path: Path) -> None:
    write_trial(tmp_path, "one", "toy/cpu", 1, 2, 10.0)  # 300 steps, 20 CPU seconds
    mine = spec(small, world, "one", "toy/cpu", 1, 1)
    assert reason_to_stop(small, tmp_path, mine, 299, "steps") is None
    assert reason_to_stop(small, tmp_path, mine, 300, "steps")
    assert reason_to_stop(small, tmp_path, mine, 19, "cpu_time") is None
    assert reason_to_stop(small, tmp_path, mine, 20, "cpu_time")


def test_a_trial_outside_the_plan_is_never_stopped(small: Plan, world: World, tmp_path: Path) -> None:
    write_trial(tmp_path, "one", "toy/cpu", 1, 2, 10.0)
    mine = spec(small, world, "one", "toy/cpu", 1, 1)
    alone = replace(small, submissions=small.submissions[1:])
    assert reason_to_stop(alone, tmp_path, mine, 50.0) is None
    assert reason_to_stop(replace(small, workloads=()), tmp_path, mine, 50.0) is None


def test_a_stopped_trial_goes_on_when_its_reason_falls_away(small: Plan, world: World, tmp_path: Path) -> None:
    folder = write_trial(tmp_path, "one", "toy/cpu", 1, 2, 10.0)
    stop(tmp_path, "one", "toy/cpu", 1, 1, 10.0)
    assert to_continue(small, tmp_path) == set()
    record = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, "verdict": "rejected", "reached": None}))
    assert to_continue(small, tmp_path) == {TrialKey("one", "toy/cpu", 1, 1)}


def test_a_withdrawn_entry_takes_its_cuts_along(small: Plan, world: World, tmp_path: Path) -> None:
    small = replace(small, workloads=small.workloads[:1])
    fill(tmp_path, "one", "toy/cpu", (10.0, None), (10.0, None), (10.0, None))
    stop(tmp_path, "two", "toy/cpu", 1, 1, 41.0)
    assert to_continue(small, tmp_path) == set()
    mine = TrialKey("two", "toy/cpu", 1, 1)
    assert to_continue(replace(small, submissions=small.submissions[1:]), tmp_path) == {mine}


def test_another_study_opens_a_settled_median_again(small: Plan, world: World, tmp_path: Path) -> None:
    small = replace(small, workloads=small.workloads[:1])
    fill(tmp_path, "one", "toy/cpu", (None, None), (None, None))
    stop(tmp_path, "one", "toy/cpu", 3, 1, 0.0)
    stop(tmp_path, "one", "toy/cpu", 3, 2, 7.0)
    assert to_continue(small, tmp_path) == set()
    more = to_continue(replace(small, studies=5), tmp_path)
    assert more == {TrialKey("one", "toy/cpu", 3, 1), TrialKey("one", "toy/cpu", 3, 2)}


def test_the_scored_board_is_that_of_the_whole_campaign(small: Plan, world: World, tmp_path: Path) -> None:
    """One trial after the other on a ledger, in plan order: everything that may stop does, and the board of the scorer stays."""
    truth = {"one": (10.0, 14.0), "two": (30.0, 26.0)}
    whole, raced = tmp_path / "whole", tmp_path / "raced"
    stopped = 0
    for s in specs(small, Project(world.root)):
        target = truth[s.submission][s.trial - 1] + s.study + (20 if s.workload.id == "toy/gpu" and s.submission == "two" else 0)
        variant = s.workload.variant_of
        place = (s.submission, s.workload.id, s.study, s.trial)
        write_trial(whole, *place, target, variant_of=variant)
        for at in range(0, int(target) + 1, 4):
            if reason_to_stop(small, raced, s, float(at)):
                write_trial(raced, *place, None, verdict="stopped", variant_of=variant, last=row(float(at), step=at, cpu_time_s=float(at)))
                stopped += 1
                break
        else:
            write_trial(raced, *place, target, variant_of=variant)
    assert stopped >= 8
    assert to_continue(small, raced) == set()
    one, other = (score_board(read_ledgers([path]), ScoreOptions(bootstrap=0)) for path in (whole, raced))
    assert [(e.rank, e.submission, e.score, e.counted) for e in one.entries] == [
        (e.rank, e.submission, e.score, e.counted) for e in other.entries
    ]
    assert 0 < one.entries[1].score < 1
    assert (one.profiles.rho_ST == other.profiles.rho_ST).all()
