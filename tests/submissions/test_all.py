"""One table drives every submission through the same checks: adding a method is one line."""

import ast
import random
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from harness.project.plugins import load_submission
from harness.project.space import read_space
from harness.submission import Submission, SubmissionContext, WorkloadInfo
from harness.workload import Batch
from tests.conftest import our_submissions

ROOT = Path(__file__).parents[2]
CODE_LINES = 25


@dataclass(frozen=True)
class Fixture:
    """Fixture Q of ROSTER section 6.2: f = (w1^2 + 10 w2^2) / 2 from (1, -2), constant rate, 10 steps in float64."""

    hp: dict[str, float]
    expected: tuple[float, float]


TABLE = {
    "nadamw": Fixture({"learning_rate": 0.3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99}, (-0.028318, 0.465233)),
    "adamw_linear_zero": Fixture({"learning_rate": 0.3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99}, (-0.271049, 0.553498)),
    "sgd_nesterov": Fixture({"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.1}, (0.546548, 0.686854)),
    "sgd_heavy_ball": Fixture({"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.1}, (0.586877, 1.175746)),
}


class Net(nn.Module):
    """One parameter of each treatment."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.hidden(x)))[:, 0]


ROLES = {"hidden.weight": "hidden", "hidden.bias": "bias", "norm.weight": "norm", "norm.bias": "bias", "head.weight": "head"}
FACTS = WorkloadInfo("error", "minimize", 0.1, 60.0, 16, 100, "squared_error")


def make(name: str, model: nn.Module, roles: dict[str, str], **hp: float) -> Submission:
    folder = ROOT / "submissions" / name
    point = read_space(folder).point(hp)
    losses = lambda batch: (model(*batch.inputs) - batch.targets) ** 2  # noqa: E731
    setting = SubmissionContext(
        model=model,
        hp=SimpleNamespace(**point),
        workload=FACTS,
        roles=roles,
        losses=losses,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        clock=lambda: 0.0,
    )
    submission = load_submission(folder)(setting)
    submission.setup()
    return submission


def small(name: str) -> Submission:
    torch.manual_seed(0)
    return make(name, Net(), ROLES)


def batch(number: int) -> Batch:
    generator = torch.Generator().manual_seed(number)
    x = torch.randn(16, 8, generator=generator)
    return Batch(torch.arange(16), (x,), x.sum(dim=1))


def test_every_submission_is_in_the_table() -> None:
    assert sorted(TABLE) == our_submissions()


@pytest.mark.parametrize("name", TABLE)
class TestSubmission:
    def test_fixture_q(self, name: str) -> None:
        model = nn.Module()
        model.w = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))
        submission = make(name, model, {"w": "hidden"}, **TABLE[name].hp)
        for group in submission.optimizer.param_groups:
            group["lr"] = TABLE[name].hp["learning_rate"]
        for _ in range(10):
            w = model.w.detach()
            model.w.grad = torch.stack([w[0], 10 * w[1]])
            submission.optimizer.step()
        assert model.w.detach().flatten().tolist() == pytest.approx(TABLE[name].expected, abs=1e-6)

    def test_state_goes_on_bit_equal_in_a_fresh_object(self, name: str, tmp_path: Path) -> None:
        first = small(name)
        for number in range(5):
            first.step(batch(number))
        torch.save({"submission": first.state_dict(), "model": first.model.state_dict()}, tmp_path / "state.pt")
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        second = small(name)
        second.model.load_state_dict(state["model"])
        second.load_state_dict(state["submission"])
        for number in range(5, 10):
            first.step(batch(number))
            second.step(batch(number))
        for ours, theirs in zip(first.model.parameters(), second.model.parameters(), strict=True):
            assert torch.equal(ours, theirs)

    def test_loss_falls_and_every_parameter_moves(self, name: str) -> None:
        submission = small(name)
        before = [p.detach().clone() for p in submission.model.parameters()]
        losses = []
        for number in range(40):
            losses.append(submission.losses(batch(number)).mean().item())
            submission.step(batch(number))
        assert sum(losses[-5:]) < sum(losses[:5])
        assert all(not torch.equal(old, new) for old, new in zip(before, submission.model.parameters(), strict=True))

    def test_zero_and_missing_gradients_give_no_nan(self, name: str) -> None:
        submission = small(name)
        for number, parameter in enumerate(submission.model.parameters()):
            parameter.grad = torch.zeros_like(parameter) if number else None
        submission.optimizer.step()
        assert all(p.isfinite().all() for p in submission.model.parameters())

    def test_evaluation_leaves_the_state_untouched(self, name: str) -> None:
        submission = small(name)
        submission.step(batch(0))
        before = [p.detach().clone() for p in submission.model.parameters()]
        rng = torch.get_rng_state(), random.getstate()
        with submission.eval_weights():
            pass
        assert all(torch.equal(old, new) for old, new in zip(before, submission.model.parameters(), strict=True))
        assert torch.equal(rng[0], torch.get_rng_state())
        assert rng[1] == random.getstate()

    def test_is_done_soon_after_its_horizon(self, name: str) -> None:
        submission = small(name)
        steps = 0
        while not submission.done() and steps < 200:
            submission.step(batch(steps))
            steps += 1
        assert FACTS.step_hint <= steps <= 1.1 * FACTS.step_hint

    def test_the_folder_is_complete_and_short(self, name: str) -> None:
        folder = ROOT / "submissions" / name
        assert (folder / "README.md").read_text().startswith(f"# {name}\n")
        assert code_lines((folder / "submission.py").read_text()) <= CODE_LINES


def code_lines(source: str) -> int:
    """Lines that are neither blank nor comment nor docstring."""
    documentation: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            documentation |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and number not in documentation for number, line in lines)


def test_nadamw_differs_from_torch_nadam_and_without_momentum_is_adamw() -> None:
    def run(optimizer_of: object) -> torch.Tensor:
        w = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))
        optimizer = optimizer_of([w])
        for _ in range(10):
            w.grad = torch.stack([w.detach()[0], 10 * w.detach()[1]])
            optimizer.step()
        return w.detach()

    nadamw = load_submission(ROOT / "submissions" / "nadamw").setup.__globals__["NAdamW"]
    ours = run(lambda p: nadamw(p, 0.3, (0.9, 0.99), weight_decay=0.1, fused=True))
    theirs = run(lambda p: torch.optim.NAdam(p, 0.3, (0.9, 0.99), weight_decay=0.1, decoupled_weight_decay=True))
    assert theirs.flatten().tolist() == pytest.approx((-0.077030, -0.078866), abs=1e-6)
    assert not torch.allclose(ours, theirs, atol=1e-3)
    plain = run(lambda p: nadamw(p, 0.3, (0.0, 0.99), weight_decay=0.1, fused=True))
    assert torch.allclose(plain, run(lambda p: torch.optim.AdamW(p, 0.3, (0.0, 0.99), weight_decay=0.1)))


def test_heavy_ball_without_momentum_is_plain_sgd() -> None:
    w = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))
    model = nn.Module()
    model.w = w
    submission = make("sgd_heavy_ball", model, {"w": "hidden"}, learning_rate=0.01, momentum=0.0, weight_decay=0.1)
    submission.optimizer.param_groups[0]["lr"] = 0.01
    expected = w.detach().clone()
    for _ in range(10):
        gradient = torch.stack([expected[0], 10 * expected[1]])
        w.grad = gradient.clone()
        expected = expected - 0.01 * (gradient + 0.1 * expected)
        submission.optimizer.step()
    assert torch.allclose(w.detach(), expected, rtol=0, atol=1e-12)
