"""Racing: every rule on cells worked out by hand, and on random boards the same board in any order of events."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UserError
from harness.racing import order as orders
from harness.racing.race import Race, TrialKey, still_settled
from harness.racing.replay import RecordedTrial, play
from harness.racing.time_bounds import NEVER, UNKNOWN, TimeBounds, median, reached, running, smallest_change, study
from harness.score.profiles import apply_chain, exact_score, performance_ratios, profile, ranks
from harness.score.results import Results, TargetReached, Trial
from harness.score.times import median as median_of
from harness.score.times import tabulate
from tests.score.builders import scored

TAUS = np.linspace(1, 4, 31)
Times = dict[TrialKey, float]


def cell(submission: str, workload: str, *studies: TimeBounds | Iterable[TimeBounds]) -> dict[TrialKey, TimeBounds]:
    """A cell by its studies, each with one trial or several."""
    trials = [(known,) if isinstance(known, TimeBounds) else tuple(known) for known in studies]
    return {TrialKey(submission, workload, k, i): known for k, row in enumerate(trials, 1) for i, known in enumerate(row, 1)}


def rule(race: Race, key: TrialKey, time: float) -> str | None:
    reason = race.reason_to_stop(key, time)
    return reason.rule if reason else None


# -- rule 1: a faster trial of the study


def test_a_trial_stops_when_its_study_has_a_faster_one() -> None:
    race = Race({"w": ""}, cell("a", "w", (reached(10), running(0)), UNKNOWN, UNKNOWN))
    assert rule(race, TrialKey("a", "w", 1, 2), 9.9) is None
    assert rule(race, TrialKey("a", "w", 1, 2), 10) == "faster trial"
    assert race.reason_to_stop(TrialKey("a", "w", 1, 2), 10).words == "its study has a faster trial: trial 1 reached the target at 10"
    assert rule(race, TrialKey("a", "w", 2, 1), 10) is None


# -- rule 2: the median is settled

Q = TrialKey("a", "w", 3, 1)


@pytest.mark.parametrize(
    ("others", "time", "stops"),
    [
        ((NEVER, NEVER), 0, True),  # two of three missed
        ((NEVER, UNKNOWN), 99, False),  # the third may still be met at 100 and the second at 101
        ((reached(5), reached(8)), 7.9, False),  # may still become the median
        ((reached(5), reached(8)), 8, True),  # the median is 8, met or not
        ((reached(5), NEVER), 99, False),  # whether the median is finite hangs on it
        ((running(5), reached(8)), 8, False),  # the running one may miss
    ],
)
def test_three_studies(others: tuple[TimeBounds, TimeBounds], time: float, stops: bool) -> None:
    race = Race({"w": ""}, cell("a", "w", *others, running(0)))
    assert rule(race, Q, time) == ("settled median" if stops else None)


def test_a_study_that_was_met_early_needs_no_other_trial_once_the_median_is_above_it() -> None:
    met_at_5 = (reached(5), running(0))
    race = Race({"w": ""}, cell("a", "w", met_at_5, running(4), running(6)))
    assert rule(race, TrialKey("a", "w", 1, 2), 1) is None  # the median may be 4
    race.learn(TrialKey("a", "w", 2, 1), running(5))
    assert rule(race, TrialKey("a", "w", 1, 2), 1) == "settled median"  # it is one of the later two, whatever this study's best is


def test_an_even_number_of_studies_takes_the_mean_of_the_middle_two() -> None:
    race = Race({"w": ""}, cell("a", "w", reached(5), running(0)))
    assert rule(race, TrialKey("a", "w", 2, 1), 1e9) is None
    race.learn(TrialKey("a", "w", 1, 1), NEVER)
    assert rule(race, TrialKey("a", "w", 2, 1), 0) == "settled median"
    assert smallest_change(6, inf, [reached(5), reached(8), reached(9)]) == (6 + 8) / 2
    assert smallest_change(9, inf, [reached(5), reached(8), reached(9)]) == inf
    assert smallest_change(6, inf, [reached(5)]) == (5 + 6) / 2


def test_one_study() -> None:
    assert smallest_change(3, inf, []) == 3
    assert smallest_change(3, 3, []) == inf


@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, inf]), min_size=1, max_size=3), min_size=1, max_size=6), st.integers(0, 6))
def test_a_settled_median_is_settled_and_no_smaller_change_happens(times: list[list[float]], at: int) -> None:
    """Against brute force: all other studies known exactly, one trial of the first study reaches the target at `at` or later."""
    first, others = times[0], [study([reached(t) for t in row]) for row in times[1:]]
    rest = min(first)
    without = median([reached(rest), *others]).low
    changes = [m for x in (at, at + 0.5, 1, 2, 3, 5, 7) if x >= at and (m := median([reached(min(x, rest)), *others]).low) != without]
    least = smallest_change(at, rest, others)
    assert all(m >= least for m in changes)
    if least < inf:
        assert changes


# -- rule 3: the submission cannot count on the workload


def fast(workload: str = "w", time: float = 10) -> dict[TrialKey, TimeBounds]:
    return cell("fast", workload, reached(time), reached(time), UNKNOWN)


def test_past_four_times_the_best_known_median() -> None:
    race = Race({"w": ""}, {**cell("fast", "w", reached(10), reached(12), UNKNOWN), **cell("a", "w", UNKNOWN, UNKNOWN, running(0))})
    assert rule(race, Q, 48) is None  # exactly 4 x still counts for the profile
    assert rule(race, Q, 48.1) == "cannot count"
    assert "above 4 x the best known, 12" in race.reason_to_stop(Q, 48.1).words


def test_the_best_is_known_only_when_a_majority_of_studies_is() -> None:
    race = Race({"w": ""}, {**cell("fast", "w", reached(10), UNKNOWN, UNKNOWN), **cell("a", "w", UNKNOWN, UNKNOWN, running(0))})
    assert rule(race, Q, 1000) is None


def test_a_trial_that_need_not_start() -> None:
    race = Race({"w": ""}, {**fast(), **cell("a", "w", running(41), running(41), UNKNOWN)})
    assert rule(race, Q, 0) == "cannot count"


FAMILY = {"w": "", "v": "w"}


def test_a_missed_base_takes_its_variant_along() -> None:
    race = Race(FAMILY, {**cell("a", "w", NEVER, NEVER, UNKNOWN), **cell("a", "v", UNKNOWN, UNKNOWN, UNKNOWN)})
    assert rule(race, TrialKey("a", "v", 1, 1), 0) == "cannot count"


def test_a_missed_variant_takes_its_base_along_once_the_base_cannot_cut_others() -> None:
    known = {**fast("w"), **fast("v"), **cell("a", "w", UNKNOWN, UNKNOWN, running(0)), **cell("a", "v", NEVER, NEVER, UNKNOWN)}
    race = Race(FAMILY, {**known, **cell("slow", "w", reached(30), reached(30), UNKNOWN), **cell("slow", "v", UNKNOWN, UNKNOWN, UNKNOWN)})
    assert rule(race, Q, 7) is None  # at 7 it would cut the slow one, at 30, although it cannot count itself
    assert rule(race, Q, 7.5) == "cannot count"
    assert rule(race, Q, 10) == "cannot count"


def test_a_slow_base_runs_on_while_its_variant_may_cut_others() -> None:
    rival = {**cell("rival", "w", reached(10), reached(10), UNKNOWN), **cell("rival", "v", reached(30), reached(30), UNKNOWN)}
    own = {**cell("a", "w", UNKNOWN, UNKNOWN, running(0)), **cell("a", "v", reached(5), reached(5), reached(5))}
    race = Race(FAMILY, {**rival, **own})
    assert rule(race, Q, 41) is None  # if the base is met at all, the variant's 5 cuts the rival's 30
    own = {**own, **cell("a", "v", reached(8), reached(8), reached(8))}
    assert rule(Race(FAMILY, {**rival, **own}), Q, 41) == "cannot count"  # 30 is within 4 x 8


def test_a_submission_without_a_trial_on_a_variant_cannot_count() -> None:
    race = Race(FAMILY, {**fast("w"), **fast("v"), **cell("a", "w", UNKNOWN, UNKNOWN, running(0))})
    assert rule(race, Q, 10) == "cannot count"


def test_a_variant_of_a_variant_is_refused() -> None:
    with pytest.raises(UserError, match="x is a variant of v, which is a variant itself"):
        Race({"w": "", "v": "w", "x": "v"}, {})


# -- a stop that rests on what is withdrawn


def test_stops_fall_when_what_they_rest_on_does() -> None:
    a1, a2 = TrialKey("a", "w", 1, 1), TrialKey("a", "w", 1, 2)
    race = Race({"w": ""}, cell("a", "w", (reached(10), UNKNOWN), UNKNOWN))
    assert still_settled(race, {a2: 10.0}) == {a2}
    race.learn(a1, NEVER)  # rejected
    assert still_settled(race, {a2: 10.0}) == set()
    assert race.known(a2) == running(10.0)


def test_stops_that_rest_on_stops_are_found_again_and_circles_are_not() -> None:
    # studies 1 and 2 were past 4 x the best, the third then did not start
    own = cell("a", "w", UNKNOWN, UNKNOWN, UNKNOWN)
    stopped = dict(zip(own, (41.0, 41.0, 0.0), strict=True))
    assert still_settled(Race({"w": ""}, {**fast(), **own}), stopped) == set(own)
    assert still_settled(Race({"w": ""}, own), stopped) == set()


# -- the same board in any order


@dataclass(frozen=True)
class Campaign:
    """A random plan and what its trials would do."""

    variant_of: dict[str, str]
    recorded: dict[TrialKey, RecordedTrial]

    def times(self) -> Times:
        return {key: course.time if course.reached is not None else inf for key, course in self.recorded.items()}

    def without(self, submission: str) -> "Campaign":
        return Campaign(self.variant_of, {key: course for key, course in self.recorded.items() if key.submission != submission})


def campaign(rng: random.Random) -> Campaign:
    """Times are few and small, so that ties and exact multiples of 4 are common."""
    variant_of = rng.choice(
        [{"w": ""}, {"w": "", "x": ""}, {"w": "", "v": "w"}, {"w": "", "v": "w", "u": "w"}, {"w": "", "x": "", "v": "w"}]
    )
    studies, trials = rng.choice([1, 2, 3, 3, 3, 4, 5]), rng.choice([1, 1, 2, 3])
    recorded = {}
    for submission in "abcd"[: rng.randint(1, 4)]:
        pace = rng.choice([1, 1, 3, 5])
        for workload in variant_of:
            reliable = rng.choice([0.2, 0.6, 0.95, 1.0])
            if rng.random() < 0.05:
                continue
            for k in range(1, studies + 1):
                for i in range(1, trials + 1):
                    target = pace * rng.choice([1, 2, 2, 3, 4, 5, 8, 12]) if rng.random() < reliable else inf
                    grid = sorted({rng.choice([1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 20, 24, 33, 41, 49, 60]) for _ in range(rng.randint(0, 8))})
                    before = [float(t) for t in grid if t < target]
                    hit = None if target == inf else len(before)
                    if before or hit is not None:
                        recorded[TrialKey(submission, workload, k, i)] = RecordedTrial(
                            before if hit is None else [*before, float(target)], hit
                        )
    return Campaign(variant_of, recorded)


def run(
    rng: random.Random, race: Race, recorded: dict[TrialKey, RecordedTrial], todo: dict[TrialKey, int], announces: bool
) -> dict[TrialKey, float]:
    """Lets trials run in any interleaving from the given evaluations on; returns at which time each stopped one was stopped."""
    stopped: dict[TrialKey, float] = {}
    done, slots = dict(todo), rng.choice([1, 2, 4, 1000])
    waiting = sorted(done, key=lambda _: rng.random())
    active: list[TrialKey] = []
    while waiting or active:
        while waiting and len(active) < slots:
            active.append(waiting.pop())
        key = rng.choice(active)
        course, time = recorded[key], recorded[key].times[done[key] - 1] if done[key] else 0.0
        if race.reason_to_stop(key, time):
            stopped[key] = time
            race.learn(key, NEVER)
            active.remove(key)
            continue
        done[key] += 1
        if done[key] - 1 == course.reached or done[key] == len(course.times):
            race.learn(key, reached(course.times[done[key] - 1]) if done[key] - 1 == course.reached else NEVER)
            active.remove(key)
        elif announces:  # a ledger says nothing of trials that run
            race.learn(key, running(course.times[done[key] - 1]))
    todo.update(done)
    return stopped


def outcome(variant_of: dict[str, str], times: Times) -> list[np.ndarray]:
    """What racing promises: scores, ranks, profiles, ratios, and the medians of the cells that count."""
    names = sorted({key.submission for key in times})
    infos = tuple(scored(name, base) for name, base in variant_of.items())
    trials = tuple(
        Trial(key=key, verdict="", reason="", reached=TargetReached(evaluation=0, time_s=t, steps=t, cpu_time_s=t) if t < inf else None)
        for key, t in sorted(times.items())
    )
    table = tabulate(Results(source="ledger", ruleset="x", submissions=tuple(names), workloads=infos, trials=trials), "time", "finishline")
    times_SW = median_of(table.study_times_SWK)
    ratios = performance_ratios(apply_chain(times_SW, table.bases_W))
    scores = exact_score(ratios)
    counted = np.where(np.isfinite(ratios), times_SW[:, table.base_columns], 0)
    return [scores, ranks(scores), profile(ratios, TAUS), ratios, counted]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def board_holds(rng: random.Random, kind: type[Race] = Race) -> bool:
    """One random campaign, raced in a random order, then with something withdrawn: whether the board is the same both times."""
    what = campaign(rng)
    if not what.recorded:
        return True
    race = kind(what.variant_of, dict.fromkeys(what.recorded, UNKNOWN))
    done = dict.fromkeys(what.recorded, 0)
    stopped = run(rng, race, what.recorded, done, announces=rng.random() < 0.5)
    raced = {key: inf if key in stopped else time for key, time in what.times().items()}
    if not same(outcome(what.variant_of, what.times()), outcome(what.variant_of, raced)):
        return False

    gone = rng.choice(sorted({key.submission for key in what.recorded}))
    rejected = rng.choice(sorted(what.recorded))
    rest = what.without(gone)
    if not rest.recorded:
        return True
    truth = {**rest.times(), **({rejected: inf} if rejected in rest.recorded else {})}
    stopped = {key: time for key, time in stopped.items() if key in rest.recorded and key != rejected}
    known = {key: UNKNOWN if key in stopped else reached(time) for key, time in truth.items()}
    race = kind(what.variant_of, known)
    again = {key: done[key] for key in stopped if key not in still_settled(race, stopped)}
    settled = set(stopped) - set(again)
    stopped_again = run(rng, race, what.recorded, again, announces=False)
    raced = {key: inf if key in settled or key in stopped_again else time for key, time in truth.items()}
    return same(outcome(what.variant_of, truth), outcome(what.variant_of, raced))


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_racing_never_changes_the_board(rng: random.Random) -> None:
    assert board_holds(rng)


def test_racing_never_changes_the_board_on_many_more() -> None:
    assert all(board_holds(random.Random(seed)) for seed in range(1500))


def study_times_hold(rng: random.Random) -> tuple[bool, int]:
    """One random campaign under the promise that every study keeps its time: whether it does, and how many trials were stopped."""
    what = campaign(rng)
    race = Race(what.variant_of, dict.fromkeys(what.recorded, UNKNOWN), "times")
    stopped = run(rng, race, what.recorded, dict.fromkeys(what.recorded, 0), announces=True)
    fastest: dict[tuple[str, str, int], list[float]] = {}
    for key, time in what.times().items():
        both = fastest.setdefault(key[:3], [inf, inf])
        both[0] = min(both[0], time)
        both[1] = min(both[1], inf if key in stopped else time)
    return all(whole == raced for whole, raced in fastest.values()), len(stopped)


def test_rule_1_alone_leaves_every_study_its_time() -> None:
    found = [study_times_hold(random.Random(seed)) for seed in range(500)]
    assert all(held for held, _ in found)
    assert sum(stopped for _, stopped in found) > 100


class BestTrial(Race):
    """Takes the fastest trial for the best known time, instead of a median that is sure."""

    def best(self, workload: str, without: str) -> float:
        cells = [
            trials for (name, where), studies in self._cells.items() if where == workload and name != without for trials in studies.values()
        ]
        return min((what.high for trials in cells for what in trials.values()), default=inf)


class BestWithoutBase(Race):
    """Lets a variant be the best of its column although its base may be missed."""

    def best(self, workload: str, without: str) -> float:
        return min((self.median(name, workload).high for name in self.submissions if name != without), default=inf)


class Careless(Race):
    """Forgets that a submission that cannot count still cuts others."""

    def _spares_others(self, submission: str, workload: str, least: float) -> bool:
        return True


class AtFour(Race):
    """Stops at 4 x the best, where a ratio of 4 still counts for the profile."""

    def best(self, workload: str, without: str) -> float:
        return nextafter(super().best(workload, without), 0)


class ForgetsBase(Race):
    """Forgets that a base that is missed takes its variants out of their columns."""

    def _spares_others(self, submission: str, workload: str, least: float) -> bool:
        return self._cuts_none(submission, workload, least)


class Believes(Race):
    """Takes a study for settled with its first time, although the other trials of it may be faster."""

    def median(self, submission: str, workload: str) -> TimeBounds:
        known = super().median(submission, workload)
        return known if known.high == inf else reached(known.high)


@pytest.mark.parametrize("wrong", [BestTrial, BestWithoutBase, Careless, AtFour, ForgetsBase, Believes])
def test_a_wrong_rule_is_found_out(wrong: type[Race]) -> None:
    assert not all(board_holds(random.Random(seed), wrong) for seed in range(20000))


@pytest.mark.parametrize("name", ["in_order", "in_parallel", "waves", "one_by_one"])
def test_the_orders_save_time_and_play_every_trial(name: str) -> None:
    order: Callable = getattr(orders, name)
    saved = dict.fromkeys(("faster trial", "settled median", "cannot count"), 0.0)
    for seed in range(200):
        what = campaign(random.Random(seed))
        played = play(what.variant_of, what.recorded, order)
        assert played.keys() == what.recorded.keys()
        raced = {key: inf if played[key].reason else time for key, time in what.times().items()}
        assert not what.recorded or same(outcome(what.variant_of, what.times()), outcome(what.variant_of, raced))
        for key, trial in played.items():
            assert trial.time <= what.recorded[key].time
            if trial.reason:
                saved[trial.reason.rule] += what.recorded[key].time - trial.time
            else:
                assert trial.evaluations == what.recorded[key].evaluations
    assert all(saved.values())
