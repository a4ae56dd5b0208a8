"""Evaluations come at multiples of the evaluation period, and no sooner than a fraction of what the passes over one take."""

import pytest

from harness.ledger.rows import read_rows
from harness.trial import pacing, runner
from harness.trial.pacing import FRACTION, spacing_s
from tests.conftest import Outcome, World

EVERY = 160
FORTY_STEPS = """
def step(self, batch):
    super().step(batch)
    self.made = getattr(self, "made", 0) + 1

def done(self):
    return getattr(self, "made", 0) >= 40
"""
COUNTS_TEN_TIMES = """
def select(self, stream):
    batch = super().select(stream)
    stream.examples += 9 * len(batch)
    return batch
"""
TAKES_TEN_TIMES = """
def select(self, stream):
    return [super(Variant, self).select(stream) for _ in range(10)][-1]
"""


def steps(outcome: Outcome) -> list[int]:
    return [row.step for row in read_rows(outcome.folder / "evals.csv")]


def test_the_spacing_is_a_fraction_of_the_passes_over_a_period(world: World) -> None:
    assert spacing_s(0.1, world.spec(evaluate_every=EVERY)) == pytest.approx(FRACTION * 0.1 * EVERY / 16)


def test_an_honest_submission_is_evaluated_at_every_multiple(world: World) -> None:
    assert steps(world.run(FORTY_STEPS, evaluate_every=EVERY)) == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("code", [COUNTS_TEN_TIMES, TAKES_TEN_TIMES], ids=["counts", "takes"])
def test_more_examples_a_step_do_not_bring_an_evaluation_a_step(world: World, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The passes are made out to take long, so that no evaluation but the first and the last has time to fall due."""
    monkeypatch.setattr(pacing, "FRACTION", 1e9)
    outcome = world.run(code + FORTY_STEPS, evaluate_every=EVERY)
    assert outcome.record.verdict == "rejected"  # the runner, another process, goes by the true fraction: the referee does not believe it
    assert " s later" in outcome.record.reason


def test_the_runner_leaves_out_multiples_that_come_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    one = runner.Runner.__new__(runner.Runner)
    one.ranks, one.evaluated_s, one.spacing_s = runner.Ranks(0, 1), 5.0, 2.0
    elapsed = iter((6.9, 7.0))
    monkeypatch.setattr(one, "elapsed_s", lambda: next(elapsed))
    assert [one.may_be_evaluated(), one.may_be_evaluated()] == [False, True]
