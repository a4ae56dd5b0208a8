"""A project with a toy workload and a submission that takes its time."""

from pathlib import Path

from harness.cli import PROJECT

WORKLOAD = """
name: toy
tier: cpu
version: 1
task: a line
metric: squared_error
direction: minimize
target: 0.05
budget_s: 600
reference_batch: 16
step_hint: 100
loss_kind: squared_error
threads: 1
"""
SLEEPS = "def step(self, batch):\n    super().step(batch)\n    __import__('time').sleep(0.25)\n"


def write_project(root: Path) -> None:
    """Writes configs/ with one workload."""
    (root / "configs" / "workload" / "toy").mkdir(parents=True)
    (root / "configs" / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD)
    for name in ("launch.yaml", "ruleset", "launcher"):
        (root / "configs" / name).symlink_to(PROJECT / "configs" / name)
