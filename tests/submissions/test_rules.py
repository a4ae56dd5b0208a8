"""What single submissions promise beyond the checks of all: ROSTER section 2, column `verify`."""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.project.plugins import load_submission
from harness.schedules import warmup_then_linear
from tests.submissions.test_all import FACTS, ONE, ROOT, hold_the_rate, on_the_quadratic, start

BETAS = (0.9, 0.99)


def code(name: str) -> Any:
    """The module submission.py of a submission."""
    return sys.modules[load_submission(ROOT / name).__module__]


def shared(name: str, module: str) -> Any:
    """A module of submissions/common that a submission imports."""
    load_submission(ROOT / name)
    return sys.modules[f"submissions.common.{module}"]


def path(
    optimizer_of: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    steps: int = 10,
    scale: float = 1.0,
    gradient: Callable[[Tensor], Tensor] | None = None,
    at: Tensor | None = None,
) -> Tensor:
    """Where an optimizer goes on the quadratic of fixture Q, or another, with gradients multiplied by `scale`."""
    w = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64) if at is None else at.clone())
    optimizer = optimizer_of([w])
    for _ in range(steps):
        x = w.detach()
        w.grad = scale * (gradient(x) if gradient else torch.stack([x[0], 10 * x[1]]))
        optimizer.step()
    return w.detach()


def adamw(params: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(params, 0.3, BETAS, weight_decay=0.1)


def test_nadamw_differs_from_torch_nadam_and_without_momentum_is_adamw() -> None:
    nadamw = code("nadamw").NAdamW
    ours = path(lambda p: nadamw(p, 0.3, BETAS, weight_decay=0.1, fused=True))
    theirs = path(lambda p: torch.optim.NAdam(p, 0.3, BETAS, weight_decay=0.1, decoupled_weight_decay=True))
    assert theirs.flatten().tolist() == pytest.approx((-0.077030, -0.078866), abs=1e-6)
    assert not torch.allclose(ours, theirs, atol=1e-3)
    plain = path(lambda p: nadamw(p, 0.3, (0.0, 0.99), weight_decay=0.1, fused=True))
    assert torch.allclose(plain, path(lambda p: torch.optim.AdamW(p, 0.3, (0.0, 0.99), weight_decay=0.1)))


def test_heavy_ball_without_momentum_is_plain_sgd() -> None:
    submission = on_the_quadratic("sgd_heavy_ball", learning_rate=0.01, momentum=0.0, weight_decay=0.1)
    hold_the_rate(submission)
    expected = submission.model.w.detach().clone()
    for _ in range(10):
        expected = expected - 0.01 * (torch.stack([expected[0], 10 * expected[1]]) + 0.1 * expected)
        submission.step(ONE)
    assert torch.allclose(submission.model.w.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("ademamix", lambda m, p: m.AdEMAMix(p, 0.3, 0.1, betas=(*BETAS, 0.9999), alpha=0, ramp=10)),
        ("mars_adamw", lambda m, p: m.MARS(p, 0.3, 0.1, betas=BETAS, gamma=0.0)),
    ],
)
def test_without_what_is_new_it_is_adamw(name: str, make: Callable[[Any, Any], torch.optim.Optimizer]) -> None:
    module = code(name)
    assert torch.allclose(path(lambda p: make(module, p), scale=0.01), path(adamw, scale=0.01), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("lion", lambda m, p: m.Lion(p, 0.3, 0.1, betas=BETAS)),
        ("lars", lambda m, p: m.LARS(p, 10.0, momentum=0.9, trust=1e-3)),
        ("adam_atan2", lambda m, p: m.AdamAtan2(p, 0.3, 0.1, betas=BETAS)),
        ("muon", lambda m, p: m.Muon([{"params": p, "matrix": True}], 0.3, 0.1, momentum=0.95)),
        ("normuon", lambda m, p: m.NorMuon([{"params": p, "matrix": True}], 0.3, 0.1, momentum=0.95, beta2=0.95)),
    ],
)
def test_is_invariant_to_the_scale_of_the_loss(name: str, make: Callable[[Any, Any], torch.optim.Optimizer]) -> None:
    module = code(name)
    assert torch.allclose(path(lambda p: make(module, p)), path(lambda p: make(module, p), scale=10.0), rtol=1e-5)


def test_adam_atan2_needs_no_epsilon() -> None:
    module = code("adam_atan2")
    tiny = path(lambda p: module.AdamAtan2(p, 0.3, 0.1, betas=BETAS), scale=1e-20)
    assert torch.allclose(tiny, path(lambda p: module.AdamAtan2(p, 0.3, 0.1, betas=BETAS)))
    assert torch.equal(path(lambda p: module.AdamAtan2(p, 0.3, betas=BETAS), scale=0.0), torch.tensor([[1.0], [-2.0]], dtype=torch.float64))


def test_adam_atan2_lowers_the_rate_of_wide_matrices() -> None:
    submission = start("adam_atan2", exponent=1, learning_rate=1e-3).submission
    rates = {id(p): group["initial_lr"] for group in submission.optimizer.param_groups for p in group["params"]}
    assert rates[id(submission.model.head.weight)] == pytest.approx(1e-3 * 256 / 16)
    assert rates[id(submission.model.embedding.weight)] == 1e-3


def test_a_step_of_lamb_has_the_norm_of_the_weights() -> None:
    module = code("lamb")
    moved = path(lambda p: module.LAMB([{"params": p, "adapts": True}], 0.01, betas=(0.9, 0.999)), steps=1)
    at = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    assert (moved - at).norm() == pytest.approx(0.01 * at.norm().item())


@pytest.mark.parametrize("name", ["prodigy", "d_adapt_adam"])
def test_the_estimate_never_falls(name: str) -> None:
    submission, seen = on_the_quadratic(name), [0.0]
    for _ in range(30):
        submission.step(ONE)
        seen.append(submission.optimizer.d.item())
    assert seen == sorted(seen)
    assert seen[-1] > 100 * seen[1] > 0


def test_onecycle_has_the_values_of_torch() -> None:
    submission = start("adamw_onecycle").submission
    theirs = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], submission.hp.learning_rate)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        theirs,
        submission.hp.learning_rate,
        total_steps=100,
        pct_start=0.3,
        anneal_strategy="linear",
        three_phase=True,
        final_div_factor=400,
    )
    session = start("adamw_onecycle")
    for _ in range(100):
        wanted = theirs.param_groups[0]
        rate = session.submission.optimizer.param_groups[0]["lr"]
        session.advance(1)
        assert rate == pytest.approx(wanted["lr"], rel=1e-6)
        assert session.submission.optimizer.param_groups[0]["betas"][0] == pytest.approx(wanted["betas"][0])
        theirs.step()
        if scheduler.last_epoch < 99:
            scheduler.step()


@pytest.mark.parametrize(("mode", "decay"), [("triangular", 1.0), ("triangular2", 0.5)])
@pytest.mark.parametrize("cycles", [1, 2])
def test_cyclic_has_the_values_of_torch(mode: str, decay: float, cycles: int) -> None:
    submission = start("adamw_cyclic", decay=decay, cycles=cycles).submission
    theirs = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    scheduler = torch.optim.lr_scheduler.CyclicLR(theirs, 0.1, 1.0, step_size_up=50 // cycles, mode=mode, cycle_momentum=False)
    for t in range(1, 101):
        assert submission.schedule.rate(t) == pytest.approx(theirs.param_groups[0]["lr"]), t
        theirs.step()
        scheduler.step()


def test_a_cooldown_of_the_whole_run_is_a_straight_line() -> None:
    make = shared("adamw_wsd", "cooldown").warmup_stable_decay
    ours, line = make(None, 0.05, 100, 1.0, "linear"), warmup_then_linear(None, 0.05, 100)
    assert [ours.rate(t) for t in range(1, 103)] == pytest.approx([line.rate(t) for t in range(1, 103)])


@pytest.mark.parametrize("percentile", [1, 10, 50, 100])
def test_autoclip_clips_at_the_percentile_of_the_norms_so_far(percentile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = on_the_quadratic("adamw_autoclip", percentile=percentile)
    monkeypatch.setitem(type(submission).threshold.__globals__, "HISTORY", 50)
    norms = np.random.default_rng(0).lognormal(size=200)
    for number, norm in enumerate(norms, 1):
        assert submission.threshold(norm) == pytest.approx(np.percentile(norms[max(0, number - 50) : number], percentile))
    assert submission.threshold(float("nan")) <= norms[-50:].max()


def test_the_ramp_begins_at_the_rate_of_256(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = dataclasses.replace(FACTS, reference_batch=1024, num_samples=2048)
    monkeypatch.setattr("tests.submissions.test_all.FACTS", facts)
    submission = on_the_quadratic("sgd_linear_scaling", batch_factor=1, rate_256=0.1)
    rate = submission.optimizer.param_groups[0]["initial_lr"]
    assert rate == pytest.approx(0.4)
    assert rate * submission.schedule.rate(1) == pytest.approx(0.1)
    assert [submission.schedule.rate(t) for t in range(1, 12)] == sorted(submission.schedule.rate(t) for t in range(1, 12))
    assert submission.schedule.rate(11) == pytest.approx(1, abs=1e-3)


def test_a_small_batch_remembers_as_many_examples() -> None:
    submission = start("adamw_small_batch", batch_share=0.25, beta2=0.96).submission
    assert submission.batch_size(submission.workload) == 4
    assert submission.optimizer.param_groups[0]["betas"][1] ** 4 == pytest.approx(0.96)


def test_newton_schulz_brings_singular_values_near_one_and_turns_with_its_input() -> None:
    newton_schulz = shared("muon", "newton_schulz").newton_schulz
    generator = torch.Generator().manual_seed(0)
    g = torch.randn(128, 32, generator=generator)
    values = torch.linalg.svdvals(newton_schulz(g))
    assert values.min() > 0.6
    assert values.max() < 1.3
    u, v = (torch.linalg.qr(torch.randn(n, n, generator=generator))[0] for n in (128, 32))
    assert torch.allclose(newton_schulz(u @ g @ v.T), u @ newton_schulz(g) @ v.T, atol=1e-4)


def test_a_step_of_normuon_has_an_rms_of_a_fifth() -> None:
    module, at = code("normuon"), torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    make = lambda p: module.NorMuon([{"params": p, "matrix": True}], 1.0, momentum=0.95, beta2=0.95)  # noqa: E731
    moved = path(make, steps=1, gradient=lambda w: w, at=at)
    assert (moved - at).square().mean().sqrt() == pytest.approx(0.2)


def test_soap_follows_a_rotated_problem_on_a_rotated_path() -> None:
    module, generator = code("soap"), torch.Generator().manual_seed(0)
    at, curvature = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    u, v = (torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0] for n in (4, 3))
    make = lambda p: module.SOAP([{"params": p, "matrix": True}], 0.1, beta=0.95, every=1)  # noqa: E731
    plain = path(make, gradient=lambda w: curvature.square() * w, at=at)
    turned = path(make, gradient=lambda w: u @ (curvature.square() * (u.T @ w @ v)) @ v.T, at=u @ at @ v.T)
    assert torch.allclose(turned, u @ plain @ v.T, atol=1e-8)


@pytest.mark.parametrize("name", ["muon", "normuon", "soap"])
def test_matrices_are_hidden_and_convolutions_alone(name: str) -> None:
    submission = start(name).submission
    names = {id(p): n for n, p in submission.model.named_parameters()}
    matrix, *others = submission.optimizer.param_groups
    assert {names[id(p)] for p in matrix["params"]} == {"conv.weight", "wide.weight", "square.weight"}
    assert matrix["matrix"]
    assert not any(group["matrix"] for group in others)


def test_batch_norm_of_averaged_weights_has_statistics_of_its_own() -> None:
    session = start("adamw_ema", momentum=0.9)
    session.advance(20)
    model, trained = session.model, session.weights()
    with session.submission.eval_weights():
        averaged = session.weights()
    assert not torch.equal(trained["conv_norm.running_mean"], averaged["conv_norm.running_mean"])
    means = []
    copied = {name: value for name, value in averaged.items() if "running" not in name}
    model.load_state_dict(copied, strict=False)
    for batch in session.submission.recent:
        means.append(model.conv(batch.inputs[1][:, None]).mean(dim=(0, 2, 3)))
    assert torch.allclose(torch.stack(means).mean(0), averaged["conv_norm.running_mean"], atol=1e-5)


def test_lawa_is_the_mean_of_its_snapshots() -> None:
    session = start("adamw_lawa", snapshots=3, spacing=0.02)
    seen = []
    for step in range(1, 11):
        session.advance(1)
        if step % 2 == 0:
            seen.append(session.weights()["head.weight"])
    with session.submission.eval_weights():
        assert torch.allclose(session.weights()["head.weight"], torch.stack(seen[-3:]).mean(0))


def test_rex_lies_above_a_straight_line() -> None:
    schedule = start("adamw_rex").submission.schedule
    assert all(schedule.rate(t) > 1 - t / 100 for t in range(5, 100))


def test_a_step_of_shampoo_is_orthogonal_at_the_first_refresh_and_turns_with_its_problem() -> None:
    module, generator = code("distributed_shampoo"), torch.Generator().manual_seed(0)
    g, u, v = (torch.randn(4, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    u, v = torch.linalg.qr(u)[0], torch.linalg.qr(v)[0]

    def step(gradient: Tensor, block: int = 4) -> Tensor:
        settings = {"betas": (0.9, 0.999), "eps": 1e-12, "every": 1, "block": block}
        make = lambda p: module.Shampoo([{"params": p, "matrix": True}], 1.0, **settings)  # noqa: E731
        return path(make, steps=1, gradient=lambda w: gradient, at=torch.zeros(4, 4, dtype=torch.float64))

    moved = step(g)
    assert torch.allclose(torch.linalg.svdvals(moved), torch.ones(4, dtype=torch.float64) * moved.norm() / 2, rtol=1e-5)
    turned = step(u @ g @ v.T)
    assert torch.allclose(turned / turned.norm(), u @ moved @ v.T / moved.norm(), atol=1e-6)
    for block in (3, 2):
        parts = step(g, block)
        assert (parts != 0).all()
        corner = step(torch.nn.functional.pad(g[:block, :block], (0, 4 - block, 0, 4 - block)), block)
        assert torch.allclose(parts[:block, :block], corner[:block, :block])


def test_infobatch_without_drops_is_nadamw_bit_by_bit() -> None:
    ends = []
    for session in (start("infobatch", drop=0.0) if thinned else start("nadamw") for thinned in (True, False)):
        session.advance(40)
        ends.append(session.weights().values())
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*ends, strict=True))


def test_the_weights_of_infobatch_make_up_for_what_is_dropped() -> None:
    session = start("infobatch", full_share=0.0)
    submission, stream = session.submission, session.stream
    submission.scores = torch.arange(256.0)
    counts = torch.zeros(256)
    rounds = 400
    for _ in range(rounds * 256 // 16):
        if submission.drawn >= rounds * 256:
            break
        ids = submission.select(stream).ids
        counts.index_add_(0, ids, submission.weights[ids])
    epochs = submission.drawn / 256
    assert counts[128:].mean() / epochs == pytest.approx(1, abs=0.02)
    assert counts[:127].mean() / epochs == pytest.approx(1, abs=0.02)
    assert set(submission.weights.tolist()) == {1.0, 2.0}


def test_infobatch_keeps_everything_at_the_end() -> None:
    submission, stream = (session := start("infobatch")).submission, session.stream
    submission.scores, submission.steps = torch.arange(256.0), 95
    submission.select(stream)
    assert submission.drawn == 16


def test_the_noise_scale_of_gaussian_gradients_is_known() -> None:
    module, generator = code("adamw_noise_scale"), torch.Generator().manual_seed(0)
    mean, deviation, small, large, rounds = torch.full((50,), 0.3), 1.5, 16, 32, 20_000
    noise = torch.randn(rounds, 2, 50, generator=generator) * deviation / small**0.5
    halves = mean + noise
    power, trace = module.power_and_noise(halves[:, 0].norm(dim=1), halves.mean(1).norm(dim=1), small, large)
    assert trace.mean() / power.mean() == pytest.approx(50 * deviation**2 / mean.square().sum().item(), rel=0.05)
    with pytest.raises(ValueError, match="two batches of one size"):
        module.power_and_noise(1.0, 1.0, 16, 16)


def test_the_batch_follows_the_noise() -> None:
    session = start("adamw_noise_scale")
    submission = session.submission
    submission.power, submission.noise = torch.tensor(1.0), torch.tensor(70.0)
    submission.choose_batch()
    assert submission.batch == 64
    assert submission.optimizer.param_groups[0]["initial_lr"] == 2 * submission.hp.learning_rate
    assert len(submission.select(session.stream)) == 64
