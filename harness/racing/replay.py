"""Recorded trials run again under racing: each is seen only up to the time that has been played."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.ledger.paths import TrialKey
from harness.racing.race import Guarantee, Race, Reason
from harness.racing.time_bounds import NEVER, UNKNOWN, reached, running


@dataclass(frozen=True)
class RecordedTrial:
    """A recorded trial: the time of each evaluation, in order, and which one reached the target (None: none did)."""

    times: Sequence[float]
    reached: int | None

    @property
    def evaluations(self) -> int:
        """Evaluations of the whole run: it ends when it reaches the target."""
        return len(self.times) if self.reached is None else self.reached + 1

    @property
    def time(self) -> float:
        """What the whole run takes."""
        return self.times[self.evaluations - 1] if self.evaluations else 0.0


@dataclass(frozen=True)
class ReplayedTrial:
    """What was run of a trial: evaluations, time, and why it was stopped (None: it ran to its end)."""

    evaluations: int
    time: float
    reason: Reason | None


RecordedTrials = Mapping[TrialKey, RecordedTrial]
Order = Callable[[Race, Iterable[TrialKey]], Iterator[Sequence[TrialKey]]]


def play(
    variant_of: Mapping[str, str], recorded: RecordedTrials, order: Order, guarantee: Guarantee = "scores"
) -> dict[TrialKey, ReplayedTrial]:
    """Runs all trials, those of a wave at the same time; each is judged when it starts and after each of its evaluations."""
    race = Race(variant_of, dict.fromkeys(recorded, UNKNOWN), guarantee)
    played: dict[TrialKey, ReplayedTrial] = {}
    for wave in order(race, recorded):
        _play_wave(race, recorded, wave, played)
    return played


def _play_wave(race: Race, recorded: RecordedTrials, wave: Sequence[TrialKey], played: dict[TrialKey, ReplayedTrial]) -> None:
    queue: list[tuple[float, TrialKey, int]] = []
    for key in wave:
        if reason := race.reason_to_stop(key, 0.0):
            race.learn(key, NEVER)
            played[key] = ReplayedTrial(0, 0.0, reason)
        elif not recorded[key].evaluations:
            race.learn(key, NEVER)
            played[key] = ReplayedTrial(0, 0.0, None)
        else:
            heapq.heappush(queue, (recorded[key].times[0], key, 0))
    while queue:
        time, key, evaluation = heapq.heappop(queue)
        trial = recorded[key]
        if evaluation == trial.reached:
            race.learn(key, reached(time))
            played[key] = ReplayedTrial(evaluation + 1, time, None)
        elif evaluation + 1 == trial.evaluations:
            race.learn(key, NEVER)
            played[key] = ReplayedTrial(evaluation + 1, time, None)
        elif reason := race.reason_to_stop(key, time):
            race.learn(key, NEVER)
            played[key] = ReplayedTrial(evaluation + 1, time, reason)
        else:
            race.learn(key, running(time))
            heapq.heappush(queue, (trial.times[evaluation + 1], key, evaluation + 1))
