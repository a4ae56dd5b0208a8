"""Every submission that git tracks goes through the same checks; what is special about one stands in the fixture.yaml of its folder.

hp:         hyperparameters of the trajectory, beside the defaults
expected:   (w1, w2) after `steps` (10) at a constant rate: f = (w1^2 + 10 w2^2) / 2 from (1, -2) in float64 (ROSTER section 6.2)
evaluated:  the same inside of eval_weights, if it differs
group, optimizer:  what to set in each parameter group, and as attributes of the optimizer
rates:      t -> factor of the schedule at the default hyperparameters and a step hint of 100
endless:    true if `done` is never true
"""

import itertools
import statistics
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from packaging.requirements import Requirement
from torch import Tensor, nn

from harness.check import rehearsal
from harness.check.folder import code_lines
from harness.check.rehearsal import Session, begin
from harness.check.source import parse
from harness.project.plugins import load_submission
from harness.project.space import read_space
from harness.state import compare
from harness.submission import Submission, SubmissionContext, WorkloadInfo
from harness.trial.checkpoint import random_state, set_random_state
from harness.trial.packages import declared
from harness.trial.read_back import changed_weights, copy_weights, everything, restore_submission, submission_state
from harness.workload import Batch, Direction
from tests.conftest import our_submissions

ROOT = Path(__file__).parents[2] / "submissions"
NAMES = our_submissions()
MAX_LINES, MEDIAN_LINES = 120, 25
FACTS = WorkloadInfo(
    metric="error",
    direction=Direction.MINIMIZE,
    target=0.1,
    budget_s=60.0,
    reference_batch=16,
    step_hint=100,
    loss_kind="squared_error",
    evaluate_every=160,
    num_samples=256,
)


def fixture(name: str) -> dict[str, Any]:
    return OmegaConf.to_container(OmegaConf.load(ROOT / name / "fixture.yaml"))


def start(name: str, losses: Callable[[nn.Module, Batch], Tensor] | None = None, **hp: object) -> Session:
    """The submission on a tiny model with one of every role (harness/check/tiny.py)."""
    return begin(load_submission(ROOT / name), {**read_space(ROOT / name).point({}), **hp}, losses)


def on_the_quadratic(name: str, **hp: object) -> Submission:
    """The submission on the one weight w = (1, -2) of fixture Q."""
    model = nn.Module()
    model.w = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))
    setting = SubmissionContext(
        model=model,
        hp=SimpleNamespace(**read_space(ROOT / name).point({}) | hp),
        workload=FACTS,
        roles={"w": "hidden"},
        losses=lambda batch: (model.w[0] ** 2 + 10 * model.w[1] ** 2) / 2,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        clock=lambda: 0.0,
    )
    submission = load_submission(ROOT / name)(setting)
    submission.setup()
    return submission


def hold_the_rate(submission: Submission) -> None:
    submission.clip_norm = None
    submission.schedule.rate = lambda t: 1.0
    for group in submission.optimizer.param_groups:
        group["lr"] = group["initial_lr"]


ONE = Batch(torch.zeros(1, dtype=torch.long), (), torch.zeros(1))


@pytest.mark.parametrize("name", NAMES)
class TestSubmission:
    def test_follows_its_fixture(self, name: str) -> None:
        wanted = fixture(name)
        submission = on_the_quadratic(name, **wanted["hp"])
        hold_the_rate(submission)
        for group in submission.optimizer.param_groups:
            group.update(wanted.get("group", {}))
        for attribute, value in wanted.get("optimizer", {}).items():
            setattr(submission.optimizer, attribute, value)
        for _ in range(wanted.get("steps", 10)):
            submission.step(ONE)
        w = submission.model.w
        assert w.detach().flatten().tolist() == pytest.approx(wanted["expected"], abs=1e-6)
        if "evaluated" in wanted:
            with submission.eval_weights():
                assert w.detach().flatten().tolist() == pytest.approx(wanted["evaluated"], abs=1e-6)

    def test_the_schedule_follows_its_formula_and_keeps_ratios(self, name: str) -> None:
        submission, wanted = start(name).submission, fixture(name)["rates"]
        assert {t: submission.schedule.rate(t) for t in wanted} == pytest.approx(wanted, abs=1e-6)
        for _ in range(3):
            submission.schedule.step()
        for group in submission.optimizer.param_groups:
            assert group["lr"] == pytest.approx(group["initial_lr"] * submission.schedule.rate(4))

    def test_is_done_soon_after_its_horizon(self, name: str) -> None:
        submission, steps = start(name).submission, 0
        while not submission.done() and steps < 2 * submission.horizon:
            submission.schedule.step()
            steps += 1
        if fixture(name).get("endless"):
            assert not submission.done()
        else:
            assert submission.horizon <= steps <= 1.1 * submission.horizon

    def test_the_loss_falls_and_every_parameter_moves(self, name: str) -> None:
        session = start(name)
        before, loss = session.weights(), session.loss()
        session.advance(60)
        with session.submission.eval_weights():
            assert session.loss() < loss
        assert all(not torch.equal(before[name], parameter) for name, parameter in session.model.named_parameters())

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_goes_on_bit_equal_in_a_fresh_object(self, name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
        fresh_model = rehearsal.fresh_model
        monkeypatch.setattr(rehearsal, "fresh_model", lambda workload: fresh_model(workload).to(dtype))

        def losses(model: nn.Module, batch: Batch) -> Tensor:
            tokens, images = batch.inputs
            return F.cross_entropy(model(tokens, images.to(dtype)).float(), batch.targets, reduction="none")

        first = start(name, losses)
        first.advance(5)
        state, streams = rehearsal._through_a_file(submission_state(first.submission)), random_state()
        second = start(name, losses)
        copy_weights(first.model, second.model)
        restore_submission(second.submission, state)
        second.stream.load_state_dict(first.stream.state_dict())
        for session in (first, second):
            set_random_state(streams)
            session.advance(5)
        assert changed_weights(first.weights(), second.weights()) == []
        assert {p.dtype for p in first.model.parameters()} == {dtype}
        assert first.is_finite()

    def test_an_evaluation_leaves_no_trace(self, name: str) -> None:
        session = start(name)
        for _ in range(2):  # before the first step, too
            weights, state, streams = session.weights(), rehearsal.through_a_file(session.submission), random_state()
            with session.submission.eval_weights():
                assert session.is_finite()
            session.model.train()
            assert changed_weights(weights, session.weights()) == []
            assert compare(state, everything(session.submission)) == []
            assert torch.equal(streams["torch"], random_state()["torch"])
            session.advance(3)

    def test_every_tensor_is_in_one_group(self, name: str) -> None:
        session = start(name)
        grouped = [id(p) for group in session.submission.optimizer.param_groups for p in group["params"]]
        assert sorted(grouped) == sorted(map(id, session.model.parameters()))

    @pytest.mark.parametrize("losses", [rehearsal._zero, rehearsal._only_the_head], ids=["zero", "missing"])
    def test_zero_and_missing_gradients_give_no_nan(self, name: str, losses: Callable[[nn.Module, Batch], Tensor]) -> None:
        session = start(name, losses)
        session.advance(3)
        assert session.is_finite()

    def test_all_corners_of_the_space_can_be_built(self, name: str) -> None:
        axes = read_space(ROOT / name).axes
        ends = [axis.values or (axis.accept(axis.low, ""), axis.accept(axis.high, "")) for axis in axes]
        for values in itertools.islice(itertools.product(*ends), 64):
            start(name, **dict(zip((axis.name for axis in axes), values, strict=True)))

    def test_prints_nothing(self, name: str, capfd: pytest.CaptureFixture[str]) -> None:
        session = start(name)
        session.advance(2)
        session.evaluate()
        assert capfd.readouterr() == ("", "")

    def test_the_folder_is_complete_and_short(self, name: str) -> None:
        assert (ROOT / name / "README.md").read_text().startswith(f"# {name}\n")
        assert lines_of(ROOT / name / "submission.py") <= MAX_LINES


def lines_of(path: Path) -> int:
    return code_lines(parse(path.name, path.read_text()))


def test_most_submissions_are_short() -> None:
    assert statistics.median(lines_of(ROOT / name / "submission.py") for name in NAMES) <= MEDIAN_LINES


def test_every_shared_module_is_used_by_several() -> None:
    code = {path: path.read_text() for path in ROOT.glob("*/*.py")}
    for module in (ROOT / "common").glob("*.py"):
        name = f"submissions.common.{module.stem}"
        assert sum(f"from {name} import" in text for path, text in code.items()) >= 2, name


def test_the_extra_roster_has_what_our_submissions_declare() -> None:
    extra = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]["roster"]
    wanted = {str(requirement) for name in NAMES for requirement in declared(ROOT / name)}
    assert {str(Requirement(line)) for line in extra} == wanted
