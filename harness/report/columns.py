"""The columns of a board's CSV files: name, unit and meaning. `docs/scoring.md` prints them; tests hold both to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One documented column. An empty cell is an unknown value; `inf` is a target that was not reached."""

    name: str
    unit: str
    meaning: str


CLOCK = "clock"  # s, steps or CPU s: the board's clock

LEADERBOARD = (
    Column("rank", "", "1 is best; equal scores share a rank"),
    Column("submission", "", "name of the submission"),
    Column("ruleset", "", "ruleset of its trials"),
    Column("rules", "", "rule of scoring: finishline or algoperf"),
    Column("clock", "", "what times are measured in: time (s), steps, cpu_time (CPU s)"),
    Column("score", "0 to 1", "integral of the performance profile over tau in [1, 4], divided by 3"),
    Column("score_low", "0 to 1", "lower end of the score's 95 % interval"),
    Column("score_high", "0 to 1", "upper end of it"),
    Column("workloads", "workloads", "base workloads on the board"),
    Column("workloads_reached", "workloads", "base workloads whose median study reached the target"),
    Column("workloads_counted", "workloads", "of these, those that add to the score: variants reached too, within 4 x the best"),
    Column(
        "geomean_speedup",
        "ratio",
        "geometric mean of reference's time / its time on the base workloads that both reached; above 1 is faster",
    ),
    Column("speedup_low", "ratio", "lower end of its 95 % interval"),
    Column("speedup_high", "ratio", "upper end of it"),
    Column("speedup_workloads", "workloads", "workloads that both reached"),
    Column("speedup_reference", "", "the reference submission"),
    Column("geomean_speedup_steps", "ratio", "the same in steps"),
    Column("p_first", "probability", "share of bootstrap replicates in which it is first; ties are shared"),
    Column("rank_probabilities", "probabilities", "share of replicates for rank 1, 2, ..., separated by spaces"),
    Column("studies_min", "studies", "fewest studies on a workload that it ran"),
    Column("studies_max", "studies", "most studies on a workload"),
    Column("trials", "trials", "trials planned or found, those without a record included"),
    Column("trials_reached", "trials", "trials that reached the target"),
    Column("host_memory_bytes", "B", "largest resident memory of a trial; empty if not recorded"),
    Column("device_memory_bytes", "B", "largest accelerator memory of a trial; empty if none"),
    Column("sandbox", "", "what its trials ran in: bwrap, bwrap+network, none, or several of them"),
    Column("signature", "", "of each ledger: 'signed by SHA256:...', 'not signed', or 'SIGNATURE BROKEN' and why; separated by '; '"),
    Column("digest", "", "sha256 over plan and records of each ledger that the board was made from, separated by spaces"),
    Column("marks", "", "what to know before believing the row, separated by '; '"),
)

TIMES = (
    Column("submission", "", "name of the submission, in rank order"),
    Column("workload", "", "name of the workload"),
    Column("variant_of", "", "base workload of a held-out variant, else empty"),
    Column("study_times", CLOCK, "time to target of each study, separated by spaces; inf: missed"),
    Column("median_time", CLOCK, "median over studies, misses as inf; empty: not run"),
    Column("median_seconds", "s", "the same in seconds"),
    Column("median_steps", "steps", "the same in steps"),
    Column(
        "ratio_to_best",
        "ratio",
        "median / smallest median, after the variant rule and the cut at 4; inf: does not count; empty for variants",
    ),
    Column("studies", "studies", "studies that were run"),
    Column("studies_reached", "studies", "studies that reached the target"),
    Column("trials", "trials", "trials planned or found"),
    Column("verdicts", "trials", "trials by verdict, as 'missed=2 reached=1'"),
    Column("metric", "", "the workload's metric"),
    Column("target", "metric", "its target on the validation split"),
    Column("best_metric", "metric", "best validation value of all trials"),
    Column("why", "", "why studies missed, or why a reached workload does not count; empty if nothing is wrong"),
)

PROFILES = (
    Column("submission", "", "name of the submission, in rank order"),
    Column("tau", "ratio", "performance ratio: every 0.01 from 1 to 4, and wherever a profile jumps"),
    Column("rho", "0 to 1", "share of base workloads with a ratio of at most tau"),
    Column("rho_low", "0 to 1", "lower end of the pointwise 95 % band"),
    Column("rho_high", "0 to 1", "upper end of it"),
)

PAIRWISE = (
    Column("submission_a", "", "the better ranked one"),
    Column("submission_b", "", "the other"),
    Column("ratio", "ratio", "geometric mean of a's time / b's on the base workloads that both reached; below 1: a is faster"),
    Column("ratio_low", "ratio", "lower end of its 95 % interval on these workloads (spread between studies)"),
    Column("ratio_high", "ratio", "upper end of it"),
    Column("ratio_low_elsewhere", "ratio", "lower end of the 95 % interval for other workloads like these (spread over workloads)"),
    Column("ratio_high_elsewhere", "ratio", "upper end of it"),
    Column("workloads_both", "workloads", "workloads that both reached"),
    Column("workloads_only_a", "workloads", "workloads that only a reached"),
    Column("workloads_only_b", "workloads", "workloads that only b reached"),
    Column("p", "probability", "of a difference at least this large if a and b were equal; paired by workload, misses included, two-sided"),
    Column("p_adjusted", "probability", "p allowing for all pairs of the board"),
    Column("verdict", "", "'A faster than B', 'B faster than A' or 'not distinguishable' (p_adjusted above 0.05)"),
)

SENSITIVITY = (
    Column("left_out_kind", "", "workload or submission"),
    Column("left_out", "", "what is left out; a base workload takes its variants with it"),
    Column("submission", "", "a submission that stays"),
    Column("score", "0 to 1", "its score then"),
    Column("score_change", "", "minus its score on the whole board"),
    Column("rank", "", "its rank then"),
    Column("rank_change", "ranks", "minus its rank before among those that stay; negative is better"),
)

FILES = {
    "leaderboard.csv": LEADERBOARD,
    "times.csv": TIMES,
    "profiles.csv": PROFILES,
    "pairwise.csv": PAIRWISE,
    "sensitivity.csv": SENSITIVITY,
}
