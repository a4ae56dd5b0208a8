"""The same seed gives the same bits; evaluations leave no trace."""

import hashlib
from pathlib import Path

import pytest

from harness.ledger.rows import read_rows
from tests.conftest import World

EIGHTY_STEPS = """
    def step(self, batch):
        super().step(batch)
        self.made = getattr(self, "made", 0) + 1
        if self.made == 80:
            digest = __import__("hashlib").sha256(b"".join(p.detach().numpy().tobytes() for p in self.model.parameters()))
            print("weights", digest.hexdigest())

    def done(self):
        return getattr(self, "made", 0) >= 80
"""
DRAWS_IN_EVALUATION = (
    EIGHTY_STEPS
    + """
    @__import__("contextlib").contextmanager
    def eval_weights(self):
        import random, numpy
        torch.rand(3), random.random(), numpy.random.rand()
        saved = [p.detach().clone() for p in self.model.parameters()]
        for p in self.model.parameters():
            p.data.mul_(0.9)
        yield
        for p, s in zip(self.model.parameters(), saved):
            p.data.copy_(s)
"""
)


def printed(folder: Path, beginnings: str | tuple[str, ...]) -> list[str]:
    return [line for line in (folder / "log.txt").read_text().splitlines() if line.startswith(beginnings)]


def weights(folder: Path) -> str:
    (line,) = printed(folder, "weights")
    return line


def rows(folder: Path) -> list[tuple[float, ...]]:
    return [(r.evaluation, r.step, r.examples, r.valid_metric, r.valid_loss) for r in read_rows(folder / "evals.csv")]


@pytest.mark.parametrize("code", [EIGHTY_STEPS, DRAWS_IN_EVALUATION], ids=["plain", "swaps"])
def test_same_seed_same_bits_whatever_the_evaluation_period(world: World, code: str) -> None:
    first, again, finer = (world.run(code, out=out, evaluate_every=every).folder for out, every in (("a", 160), ("b", 160), ("c", 16 * 7)))
    assert weights(first) == weights(again) == weights(finer)
    assert rows(first) == rows(again)
    assert len(rows(finer)) > len(rows(first))


def test_seeds_differ(world: World) -> None:
    one, two = (world.run(EIGHTY_STEPS, out=out, seed=seed).folder for out, seed in (("a", 1), ("b", 2)))
    assert weights(one) != weights(two)


def test_submissions_with_one_seed_are_paired(world: World) -> None:
    """Two submissions see the same initial weights and the same data, also when one of them draws random numbers."""
    prints = """
    def setup(self):
        super().setup()
        {draw}
        print("initial", self.model.linear.weight.tolist())

    def select(self, stream):
        batch = super().select(stream)
        {draw}
        print("batch", batch.ids.tolist(), batch.inputs[0].sum().item())
        return batch
    """
    quiet, noisy = (
        world.run(prints.format(draw=draw), out=out, target=0.5).folder
        for out, draw in (("a", "pass"), ("b", "torch.rand(5, generator=self.generator), torch.rand(2)"))
    )
    seen = [printed(folder, ("initial", "batch")) for folder in (quiet, noisy)]
    shared = min(map(len, seen))
    assert shared > 5
    assert seen[0][:shared] == seen[1][:shared]


def test_the_weights_that_met_the_target_are_kept(world: World) -> None:
    outcome = world.run(target=0.05)
    assert hashlib.sha256((outcome.folder / "target.safetensors").read_bytes()).hexdigest() == outcome.record.weights_sha256
