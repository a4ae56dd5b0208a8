"""Seconds that planning and submitting 100 submissions x 12 workloads x 15 trials to Slurm take; the jobs are held and then cancelled.

.venv/bin/python -m benchmarks.slurm_submit      needs a cluster with MaxJobCount of at least 19,000: tests/slurm/cluster up
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.campaign.plan import specs
from harness.campaign.status import trial_states
from harness.launch import cluster
from harness.launch.job_states import jobs
from harness.launch.launchers.slurm import Slurm
from harness.launch.slurm import must_fit, submit
from harness.ledger.jobs import read_submitted
from harness.ledger.plan import PlannedSubmission, write_plan
from harness.project.project import Project
from tests.campaign.test_plan import EXTERNAL, plan
from tests.conftest import World, write_toy


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as name:
        root = Path(name)
        write_toy(root)
        small = plan(World(root, root))
        points = small.submissions[0].points
        submissions = tuple(PlannedSubmission(name=f"s{i}", path="/nowhere", source_hash="0", points=points) for i in range(100))
        workloads = tuple(replace(small.workloads[0], tier=f"t{i}") for i in range(12))
        large = replace(small, submissions=submissions, workloads=workloads, ruleset=EXTERNAL)
        ledger, launcher = root / "ledger", Slurm(extra=(("hold", True),))
        begun = time.perf_counter()
        due = list(specs(large, Project(root)))
        write_plan(ledger, large)
        planned = time.perf_counter()
        must_fit(due, launcher)
        print(submit(due, ledger, launcher, retries=1, log="csv"))
        submitted = time.perf_counter()
        again = submit(due, ledger, launcher, retries=1, log="csv")
        twice = time.perf_counter()
        print(again)
        print(f"plan {planned - begun:.1f} s, submission {submitted - planned:.1f} s, a second launch {twice - submitted:.1f} s")
        count = len(jobs(ledger, trial_states(large, ledger)))
        print(f"status of {count} jobs {time.perf_counter() - twice:.1f} s")
        cluster.cancel([s.job_id for s in read_submitted(ledger)])


if __name__ == "__main__":
    main()
