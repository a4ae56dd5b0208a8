"""Where a campaign stands, from a ledger that the test writes."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.status import read_status, trial_states
from harness.ledger.lock import TrialLock
from harness.ledger.plan import Plan
from harness.project.rulesets import Ruleset
from tests.campaign.test_plan import plan
from tests.conftest import World
from tests.score.builders import write_trial


@pytest.fixture
def small(world: World) -> Plan:
    workload = replace(world.spec().workload, budget_s=100.0)
    return replace(plan(world, Ruleset("quick", 2, 2, 1.0, "search"), studies=2), workloads=(workload,))


def record(ledger: Path, submission: str, study: int, trial: int, verdict: str, wall_s: float) -> Path:
    time_s = wall_s / 2 if verdict == "reached" else None
    return write_trial(ledger, submission, "toy/cpu", study, trial, time_s, verdict=verdict, reason="why", wall_s=wall_s)


def test_an_empty_ledger_waits_and_costs_its_budgets(small: Plan, tmp_path: Path) -> None:
    status = read_status(small, tmp_path)
    assert status.counts == (("waiting", 8),)
    assert status.forecast_s == 800
    assert status.spent_s == 0


def test_counts_reasons_and_forecast(small: Plan, tmp_path: Path) -> None:
    record(tmp_path, "one", 1, 1, "reached", 10.0)
    record(tmp_path, "one", 1, 2, "missed", 30.0)
    record(tmp_path, "two", 2, 1, "crashed", 2.0)
    running = tmp_path / "two" / "toy-cpu" / "study_1" / "trial_1"
    running.mkdir(parents=True)
    with TrialLock(running):
        status = read_status(small, tmp_path)
    one, two = status.cells
    assert one.counts == (("reached", 1), ("missed", 1), ("waiting", 2))
    assert two.counts == (("crashed", 1), ("running", 1), ("waiting", 2))
    assert two.failures == ("study 2, trial 1: crashed, why",)
    assert status.spent_s == 42
    assert status.forecast_s == 2 * 20 + 3 * 2


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"schema": 3}', '{"schema": 3, "verdict": "reached", "rea'])
def test_a_damaged_record_is_not_taken_for_a_trial_that_waits(small: Plan, tmp_path: Path, damage: str) -> None:
    folder = record(tmp_path, "one", 1, 1, "reached", 10.0)
    (folder / "record.json").write_text(damage)
    state = trial_states(small, tmp_path)[0]
    assert state.state == "damaged"
    assert str(folder / "record.json") in state.reason
    assert read_status(small, tmp_path).cells[0].failures == (f"study 1, trial 1: damaged, {state.reason}",)
