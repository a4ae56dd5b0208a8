"""How honest is a board? Simulated campaigns whose truth is known, scored as real ones are.

    .venv/bin/python -m benchmarks.coverage [--boards 1000] [--markdown]

Run-to-run spread and near misses are those of the published AlgoPerf v0.5 logs: study times vary by about 5 %, one cell in ten hits in
some studies only (as the published 14 split cells do: mostly 4 of 5, some 3, 2 or 1 of 5), and 18 % of cells never hit. The truth of a cell
is its median over infinitely many studies, that of a score follows from these. Settings:

* planted: entries in a planted order, from the fastest to one that takes 1.65 x as long, each better or worse on single workloads.
* equal: all entries are the same; any claim is false.
* faster: as equal, but one entry takes 10 % less time for the same work (its times are divided by 1.1).
* reaches: as equal and without near misses, but every second workload is reached by the first entry alone, which takes 1.5 x as long as the
  others elsewhere.

`stopped` is the share of studies that racing stops, at a time drawn evenly from nothing to what they would have taken.
"""

import argparse
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.score.estimate import estimate
from harness.score.pairwise import pairs
from harness.score.profiles import ranks, scores
from harness.score.times import Floats, TimesTable

SPREAD = 0.05
NEVER, SPLIT = 0.18, 0.10
SPLIT_CHANCES, SPLIT_WEIGHTS = (0.8, 0.6, 0.4, 0.2), (7 / 14, 2 / 14, 3 / 14, 2 / 14)
REPLICATES = 400


@dataclass(frozen=True)
class SubmissionContext:
    kind: str
    submissions: int
    workloads: int
    studies: int
    split: float = SPLIT
    stopped: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Shares over boards (and entries or pairs); NaN where a setting has none. `near` allows the truth to lie 0.005 outside."""

    score_coverage: float
    near: float
    width: float
    ratio_coverage: float
    false_pairs: float
    false_boards: float
    power: float
    power_board: float
    winner: float


@dataclass(frozen=True)
class Truth:
    log_times_SW: Floats
    chances_SW: Floats

    def medians(self) -> Floats:
        """The median over infinitely many studies: a quantile of the hits, infinite where most studies miss."""
        chances = np.where(self.chances_SW > 0.5, self.chances_SW, 1.0)
        shift = np.vectorize(lambda chance: NormalDist().inv_cdf(0.5 / chance))(chances)
        return np.where(self.chances_SW > 0.5, np.exp(self.log_times_SW + SPREAD * shift), np.inf)


def make_truth(setting: SubmissionContext, rng: np.random.Generator) -> Truth:
    shape = (setting.submissions, setting.workloads)
    log_times = np.broadcast_to(rng.normal(7, 1, shape[1]), shape).copy()
    draw = rng.random(shape)
    split = rng.choice(SPLIT_CHANCES, p=SPLIT_WEIGHTS, size=shape)
    chances = np.where(draw < NEVER, 0.0, np.where(draw < NEVER + setting.split, split, 1.0))
    if setting.kind == "planted":
        log_times += np.linspace(0, 0.5, shape[0])[:, None] + rng.normal(0, 0.25, shape)
    else:
        chances[:] = chances[0]
    if setting.kind == "faster":
        log_times[0] -= np.log(1.1)
    if setting.kind == "reaches":
        chances[:] = 1.0
        chances[1:, ::2] = 0.0
        log_times[0] += np.log(1.5)
    return Truth(log_times, chances)


def make_table(truth: Truth, studies: int, rng: np.random.Generator, stopped: float = 0.0) -> TimesTable:
    shape = (*truth.log_times_SW.shape, studies)
    times = np.exp(truth.log_times_SW[..., None] + SPREAD * rng.standard_normal(shape))
    whole = times.copy()
    times[rng.random(shape) >= truth.chances_SW[..., None]] = np.inf
    bounds = times.copy()
    if stopped:
        stops = rng.random(shape) < stopped
        times[stops] = np.inf
        bounds = np.where(stops, whole * rng.random(shape), bounds)
    names = tuple(f"s{i}" for i in range(shape[0])), tuple(f"w{i}" for i in range(shape[1]))
    return TimesTable(
        submissions=names[0],
        workloads=names[1],
        bases_W=np.arange(shape[1]),
        study_times_SWK=times,
        study_seconds_SWK=times,
        study_steps_SWK=times,
        study_bounds_SWK=bounds,
    )


def simulate(setting: SubmissionContext, boards: int) -> Outcome:
    """Draws boards, scores them, and compares what they say with the truth."""
    rng = np.random.default_rng(20_260_101)
    rows = [_board(setting, rng) for _ in range(boards)]
    with np.errstate(invalid="ignore"):
        return Outcome(*(float(np.mean(np.concatenate(column))) if any(map(len, column)) else np.nan for column in zip(*rows, strict=True)))


def _board(setting: SubmissionContext, rng: np.random.Generator) -> tuple[list[float], ...]:
    truth = make_truth(setting, rng)
    table = make_table(truth, setting.studies, rng, setting.stopped)
    found = estimate(table, "finishline", REPLICATES if setting.studies > 1 else 0, int(rng.integers(2**31)))
    medians = truth.medians()
    true = scores(medians, table.bases_W, "finishline")
    known = [(low.low, low.high, score) for low, score in zip(found.intervals, true, strict=True) if not np.isnan(low.low)]
    covered = [float(low - 1e-9 <= score <= high + 1e-9) for low, high, score in known]
    near = [float(low - 0.005 <= score <= high + 0.005) for low, high, score in known]
    width = [high - low for low, high, _ in known]

    compared = pairs(table, found.times_SW, found.variances_SW, list(range(setting.submissions)))
    ratio = []
    for pair in compared:
        a, b = int(pair.first[1:]), int(pair.second[1:])
        both = np.isfinite(found.times_SW[a]) & np.isfinite(found.times_SW[b]) & np.isfinite(medians[a]) & np.isfinite(medians[b])
        if both.sum() == pair.workloads > 0 and not np.isnan(pair.interval.low):
            true_ratio = np.exp(np.log(medians[a, both] / medians[b, both]).mean())
            ratio.append(float(pair.interval.low <= true_ratio <= pair.interval.high))
    claims = [pair.verdict != "not distinguishable" for pair in compared]
    false_pairs = [float(pair.p <= 0.05) for pair in compared] if setting.kind == "equal" else []
    false_boards = [float(any(claims))] if setting.kind == "equal" else []
    versus_first = [pair for pair in compared if pair.first == "s0"] if setting.kind in ("faster", "reaches") else []
    power = [float(pair.p <= 0.05 and (pair.ratio < 1 or setting.kind == "reaches")) for pair in versus_first]
    power_board = [float(pair.verdict.startswith("s0 ")) for pair in versus_first]
    winner = [float(found.probability_SS[ranks(true) == 1, 0].sum())] if setting.kind == "planted" else []
    return covered, near, width, ratio, false_pairs, false_boards, power, power_board, winner


CENSORED = (("equal", 0.5, 0.0), ("equal", SPLIT, 0.3), ("faster", 0.5, 0.0), ("faster", SPLIT, 0.3), ("reaches", 0.0, 0.0))
CENSORED_COLUMNS = (
    *("setting", "entries", "workloads", "studies", "split cells", "stopped"),
    *("false, pair", "false, any on the board", "power, pair", "power, board"),
)
COLUMNS = ("setting", "entries", "workloads", "studies", "split cells", "score covered", "within 0.005", "mean width", "ratio covered")


def print_coverage(boards: int) -> None:
    """Prints a Markdown table: how often intervals hold the truth."""
    print(f"Coverage of 95 % intervals, {boards:,} boards a row.\n")
    print(f"| {' | '.join(COLUMNS)} | P(first) of the best |")
    print("|---|" + "---:|" * len(COLUMNS))
    for kind, submissions, workloads in (("planted", 8, 8), ("planted", 3, 4), ("equal", 8, 8), ("equal", 3, 4)):
        for studies, split in ((2, SPLIT), (3, SPLIT), (3, 0.0), (5, SPLIT), (10, SPLIT)):
            o = simulate(SubmissionContext(kind, submissions, workloads, studies, split), boards)
            first = f"{o.winner:.2f}" if kind == "planted" else ""
            print(
                f"| {kind} | {submissions} | {workloads} | {studies} | {split:.0%} | {o.score_coverage:.3f} | {o.near:.3f} "
                f"| {o.width:.3f} | {o.ratio_coverage:.3f} | {first} |",
                flush=True,
            )


def print_claims(boards: int) -> None:
    """Prints a Markdown table: false claims and power."""
    print(
        "\nFalse claims among equals, and power to see a 10 % speed-up. `pair`: one comparison at p <= 0.05; `board`: the verdict that is"
    )
    print("printed, which allows for all pairs.\n")
    print("| entries | workloads | studies | false, pair | false, any on the board | power, pair | power, board |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for submissions, workloads in ((8, 8), (3, 4)):
        for studies in (1, 2, 3, 5, 10):
            equal = simulate(SubmissionContext("equal", submissions, workloads, studies), boards)
            faster = simulate(SubmissionContext("faster", submissions, workloads, studies), boards)
            print(
                f"| {submissions} | {workloads} | {studies} | {equal.false_pairs:.3f} | {equal.false_boards:.3f} "
                f"| {faster.power:.3f} | {faster.power_board:.3f} |",
                flush=True,
            )


def print_censored(boards: int) -> None:
    """Prints a Markdown table: false claims and power where many studies are censored."""
    print("\nThe same where many studies do not reach the target: near misses on half of the workloads, studies that racing stopped, and")
    print("an entry that is slower and reaches twice as many targets.\n")
    print(f"| {' | '.join(CENSORED_COLUMNS)} |")
    print("|---|" + "---:|" * (len(CENSORED_COLUMNS) - 1))
    for kind, split, stopped in CENSORED:
        for submissions, workloads in ((8, 8), (3, 4)):
            for studies in (3, 5):
                o = simulate(SubmissionContext(kind, submissions, workloads, studies, split, stopped), boards)
                shares = [f"{share:.3f}" if share == share else "" for share in (o.false_pairs, o.false_boards, o.power, o.power_board)]
                cells = [kind, submissions, workloads, studies, f"{split:.0%}", f"{stopped:.0%}", *shares]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=1000)
    given = parser.parse_args()
    for print_table in (print_coverage, print_claims, print_censored):
        print_table(given.boards)
