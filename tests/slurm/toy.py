"""A project with a toy workload, and submissions that take their time."""

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
test_target: 1
budget_s: 600
reference_batch: 16
step_hint: 100
loss_kind: squared_error
threads: 1
"""
SLOW = "def step(self, batch):\n    super().step(batch)\n    __import__('time').sleep(0.25)\n"
WAITS = """
def step(self, batch):
    super().step(batch)
    self.made = getattr(self, "made", 0) + 1
    while self.made > 10 and __import__("os").path.exists({gate!r}):
        __import__("time").sleep(0.1)
"""
"""Makes ten steps, then waits until the file `gate` is gone."""


def write_project(root: Path) -> None:
    """Writes configs/ with one workload."""
    (root / "configs" / "workload" / "toy").mkdir(parents=True)
    (root / "configs" / "workload" / "toy" / "cpu.yaml").write_text(WORKLOAD)
    for name in ("launch.yaml", "ruleset", "launcher"):
        (root / "configs" / name).symlink_to(PROJECT / "configs" / name)
