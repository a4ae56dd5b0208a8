"""Seconds that planning and `status` take for 100 submissions x 12 workloads x 15 trials, all with records.

.venv/bin/python -m benchmarks.status_speed
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.campaign.plan import specs
from harness.campaign.status import read_status
from harness.ledger.plan import PlannedSubmission, read_plan, write_plan
from harness.project.project import Project
from tests.campaign.test_plan import EXTERNAL, plan
from tests.conftest import World, write_toy
from tests.score.builders import write_trial


def main() -> None:
    """Prints two figures."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_toy(root)
        world = World(root, root)
        small = plan(world)
        points = small.submissions[0].points
        submissions = tuple(PlannedSubmission(name=f"s{i}", path="/nowhere", source_hash="0", points=points) for i in range(100))
        workloads = tuple(replace(small.workloads[0], tier=f"t{i}") for i in range(12))
        large = replace(small, submissions=submissions, workloads=workloads, ruleset=EXTERNAL)
        started = time.perf_counter()
        trials = list(specs(large, Project(root)))
        write_plan(root / "ledger", large)
        print(f"plan of {len(trials)} trials: {time.perf_counter() - started:.2f} s")
        for spec in trials:
            write_trial(root / "ledger", *spec.key, 1.0)
        started = time.perf_counter()
        read = read_plan(root / "ledger")
        assert read is not None
        print(read_status(read, root / "ledger").counts, f"status: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
