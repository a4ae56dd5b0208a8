"""Seconds that planning and `status` take for 100 submissions x 12 workloads x 15 trials, all with records.

.venv/bin/python -m benchmarks.status_speed
"""

import json
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


def main() -> None:
    """Prints two figures."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_toy(root)
        world = World(root, root)
        small = plan(world)
        points = small.submissions[0].points
        submissions = tuple(PlannedSubmission(f"s{i}", "/nowhere", "0", points) for i in range(100))
        workloads = tuple(replace(small.workloads[0], tier=f"t{i}") for i in range(12))
        large = replace(small, submissions=submissions, workloads=workloads, ruleset=EXTERNAL)
        started = time.perf_counter()
        trials = list(specs(large, Project(root)))
        write_plan(root / "ledger", large)
        print(f"plan of {len(trials)} trials: {time.perf_counter() - started:.2f} s")
        padding = {f"field_{i}": 0.123456789 for i in range(80)}
        record = json.dumps({"verdict": "reached", "reason": "why", "time_s": 1.0, "wall_s": 2.0, **padding})
        for spec in trials:
            folder = spec.folder(root / "ledger")
            folder.mkdir(parents=True)
            (folder / "record.json").write_text(record)
        started = time.perf_counter()
        read = read_plan(root / "ledger")
        assert read is not None
        print(read_status(read, root / "ledger").counts, f"status: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
