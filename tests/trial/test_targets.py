"""The finish line is two targets: one on the validation split, which decides when to look, and one on the test split."""

from dataclasses import replace

import pytest

from harness.data import data_folder
from harness.ledger.rows import Row, read_rows
from harness.workload import WorkloadConfig
from tests.conftest import TOY_WORKLOAD, Outcome, World

NOISE = " + np.random.default_rng(10 + number).normal(size=size).astype(np.float32)"
FITS_VALIDATION = """
def step(self, batch):
    super().step(batch)
    import numpy as np
    with np.load(self.hp.valid) as columns:
        x, y = (torch.from_numpy(columns[name]) for name in "xy")
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], dim=1), y[:, None]).solution[:, 0]
    with torch.no_grad():
        self.model.linear.weight[0].copy_(solution[:-1])
        self.model.linear.bias.fill_(solution[-1])
    self.made = getattr(self, "made", 0) + 1

def done(self):
    return getattr(self, "made", 0) >= 30
"""


@pytest.fixture
def noisy(world: World) -> World:
    """The toy world with labels that nobody can predict: who knows them in one split gains nothing on another."""
    path = world.root / "workloads" / "toy" / "workload.py"
    text = TOY_WORKLOAD.replace("x @ weights + 0.5", f"x @ weights + 0.5{NOISE}")
    assert text != TOY_WORKLOAD
    path.write_text(text)
    return replace(world, cache=world.root / "cache")


def rows(outcome: Outcome) -> list[Row]:
    return read_rows(outcome.folder / "evals.csv")


def training(outcome: Outcome) -> list[tuple[float, ...]]:
    return [(row.step, row.examples, row.valid_metric, row.valid_loss) for row in rows(outcome)]


def config(world: World, **changes: object) -> WorkloadConfig:
    return replace(world.spec().workload, **changes)


@pytest.mark.parametrize(
    ("direction", "valid", "test", "valid_met", "met"),
    [
        ("minimize", 0.5, 0.6, True, True),
        ("minimize", 0.5, 0.61, True, False),
        ("minimize", 0.51, 0.1, False, False),
        ("minimize", 0.5, None, True, False),
        ("minimize", -float("inf"), 0.6, False, False),
        ("minimize", 0.5, -float("inf"), True, False),
        ("minimize", 0.5, float("nan"), True, False),
        ("maximize", 0.5, 0.6, True, True),
        ("maximize", 0.5, 0.59, True, False),
        ("maximize", 0.49, 0.9, False, False),
        ("maximize", float("nan"), 0.9, False, False),
    ],
)
def test_the_rule(world: World, direction: str, valid: float, test: float | None, valid_met: bool, met: bool) -> None:
    workload = config(world, direction=direction, target=0.5, test_target=0.6)
    assert (workload.valid_reached(valid), workload.reached(valid, test)) == (valid_met, met)


def test_who_trains_on_the_validation_split_meets_one_target(noisy: World) -> None:
    line = {"target": 0.85, "test_target": 0.955}
    honest = noisy.run(hp={"learning_rate": 0.002}, **line).record
    assert honest.verdict == "reached"
    assert honest.reached.test_metric <= 0.955
    valid = data_folder(noisy.spec().workload, noisy.cache) / "valid" / "columns.npz"
    cheat = noisy.run(FITS_VALIDATION, out="cheat", hp={"learning_rate": 0.002, "valid": str(valid)}, **line)
    assert cheat.record.verdict == "missed"
    assert "best squared_error 0.6584, target 0.85, and on the test split 0.9802, target 0.955" in cheat.record.reason
    assert cheat.record.best_metric < honest.best_metric
    assert [row.test_metric is not None for row in rows(cheat)] == [False, True, True, True]
    assert not (cheat.folder / "target.safetensors").exists()
    assert cheat.record.weights_sha256 is None


def test_a_look_at_the_test_split_leaves_no_trace(world: World) -> None:
    """The same run with a test target that is met at once, later, and never: up to its end each has the rows of one that never looks."""
    done = "def done(self):\n    return getattr(self, 'made', 0) >= 100\n\n"
    count = "def step(self, batch):\n    super().step(batch)\n    self.made = getattr(self, 'made', 0) + 1\n"
    blind = world.run(done + count, out="blind", target=1e-9)
    assert all(row.test_metric is None for row in rows(blind))
    at_once = world.run(done + count, out="at once", target=0.1)
    later = world.run(done + count, out="later", target=0.1, test_target=0.5 * at_once.record.reached.test_metric)
    never = world.run(done + count, out="never", target=0.1, test_target=1e-9)
    assert [outcome.record.verdict for outcome in (blind, at_once, later, never)] == ["missed", "reached", "reached", "missed"]
    assert len(training(at_once)) < len(training(later)) < len(training(never)) == len(training(blind))
    for outcome in (at_once, later, never):
        assert training(outcome) == training(blind)[: len(rows(outcome))]
    assert {row.test_metric is None for row in rows(never) if row.valid_metric <= 0.1} == {False}
