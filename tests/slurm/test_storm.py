"""A small storm: one fault of each kind on a campaign of twelve trials (benchmarks/slurm_storm.py has sixty)."""

from collections import Counter

from benchmarks.slurm_storm import storm
from tests.conftest import World


def test_a_storm(project: World) -> None:
    faults = Counter({"time limit": 1, "requeue": 1, "preemption": 1, "node down": 1})
    wrong, hit = storm(project.root / "storm", project.cache, 12, faults)
    assert wrong == []
    assert Counter(hit.values()) == faults
