"""What a person sees of a search for a target: one line a trial, then the proposal beside the present target."""

from pathlib import Path

from rich.console import Console

from harness.ledger.record import Record
from harness.ledger.rows import Row
from harness.ledger.spec import TrialSpec
from harness.targets.arithmetic import BUDGET_FACTOR
from harness.targets.evidence import Evidence
from harness.trial.callback import TrialCallback


class Lines(TrialCallback):
    """Prints a line for each trial that is run; says nothing of those that have their result."""

    def __init__(self, console: Console) -> None:
        self._console, self._running = console, False

    def on_start(self, spec: TrialSpec) -> None:
        """A trial begins, or goes on."""
        self._running = True

    def on_progress(self, step: int, time_s: float) -> None:
        """Not shown: a trial takes about a minute."""

    def on_evaluation(self, row: Row) -> None:
        """Not shown."""

    def on_end(self, record: Record, folder: Path) -> None:
        """The best value and what it took."""
        if not self._running:
            return
        self._running = False
        best = "none" if record.best_metric is None else f"{record.best_metric:.4g}"
        where = f"  {record.submission}, point {record.trial}, repeat {record.study}: {record.verdict}"
        self._console.print(f"{where}, best {best}, {record.steps} steps in {record.time_s:.1f} s", soft_wrap=True)


def in_words(evidence: Evidence, path: Path) -> str:
    """Returns the proposal, and the lines for the workload's own configuration."""
    workload, proposal, best = evidence.search.workload, evidence.proposal, evidence.best
    assert best.best is not None
    hp = ", ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in best.hp.items())
    reaching = ", ".join(f"{s.name} {evidence.reaching(s.name)}" for s in evidence.search.submissions)
    relation = workload.direction.relation
    lines = [
        "",
        f"{workload.id}: best of {len(evidence.runs)}: {best.submission}, point {best.point} ({hp}), {workload.metric} {best.best:.4g}",
        f"  target {workload.metric} {relation} {proposal.target:g} (now {workload.target:g});"
        f" test target {relation} {proposal.test_target:.4g}",
        f"  reached by {proposal.reached} of {proposal.repeats} repeats, and by these of {evidence.search.trials} points each: {reaching}",
        f"  median {proposal.median_steps:g} of {workload.step_hint} steps (spread {_percent(proposal.spread_steps)}),"
        f" {proposal.median_seconds:.1f} s (spread {_percent(proposal.spread_seconds)}; {proposal.median_cpu_seconds:.1f} s of CPU)",
        f"  budget {proposal.budget_s} s = {BUDGET_FACTOR:g} x the median, rounded up (now {workload.budget_s:g} s)",
    ]
    if not all(crossing.identical for crossing in evidence.crossings):
        lines.append("  the repeats were not bitwise the same when run again with the target: this machine does not repeat runs")
    lines += [
        f"for configs/workload/{workload.id}.yaml:",
        f"  target: {proposal.target!r} # configs/targets/{path.name}",
        f"  test_target: {proposal.test_target!r}",
        f"  budget_s: {proposal.budget_s}",
        f"evidence: {path}",
    ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
