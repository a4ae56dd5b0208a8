import itertools
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.data import read_columns
from harness.errors import UserError
from harness.workload import WorkloadConfig
from workloads.click.data import examination
from workloads.click.model import log_likelihoods
from workloads.click.workload import ClickModel, cross_entropy, last_clicks, normalised_gain

MODEL = {"embedding": 3, "hidden": [8, 4]}
DATA = {"queries": 50, "documents": 12, "features": 4, "ranks": 10, "train_sessions": 3000, "held_out_sessions": 500}


def tiny(model: dict = MODEL, data: dict = DATA) -> ClickModel:
    return ClickModel(
        WorkloadConfig(
            name="click",
            tier="tiny",
            version=1,
            task="",
            metric="normalised_gain",
            direction="maximize",
            target=0.9,
            test_target=0.9,
            budget_s=10,
            reference_batch=64,
            step_hint=10,
            loss_kind="bernoulli",
            threads=1,
            model=model,
            data=data,
        )
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("click")
    tiny().make_data(folder)
    return folder


def test_the_runner_is_not_shown_the_true_probabilities(folder: Path):
    assert set(read_columns(folder / "train")) == {"ids", "clicks"}
    assert set(read_columns(folder / "shared")) == {"features"}
    assert tiny().load(folder, "train").p_SK is None
    assert tiny().load(folder, "valid").p_SK is not None


def test_the_data_are_the_same_each_time_and_differ_by_split(folder: Path, tmp_path: Path):
    tiny().make_data(tmp_path)
    for split in ("train", "valid", "test", "shared"):
        first, second = read_columns(folder / split), read_columns(tmp_path / split)
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(tiny().load(folder, "valid").ids_SK, tiny().load(folder, "test").ids_SK)


def test_sessions_show_distinct_documents_of_one_query(folder: Path):
    data = tiny().load(folder, "train")
    assert len(data) == 3000
    assert data.ids_SK.dtype == torch.int32
    assert data.clicks_SK.dtype == torch.uint8
    query_SK = data.ids_SK // DATA["documents"]
    assert torch.equal(query_SK, query_SK[:, :1].expand_as(query_SK))
    assert all(len(set(row)) == DATA["ranks"] for row in data.ids_SK[:50].tolist())


def test_clicks_happen_as_often_as_the_true_probabilities_say(folder: Path):
    data = tiny().load(folder, "valid")
    assert data.p_SK is not None
    deviation = (data.p_SK * (1 - data.p_SK)).sum().sqrt()
    assert (data.clicks_SK.sum() - data.p_SK.sum()).abs() < 4 * deviation


def test_examination_follows_the_published_formula():
    gamma = torch.from_numpy(examination(10))
    assert gamma[0, 0] == pytest.approx(torch.tensor(2.0).sigmoid().item())
    expected = torch.sigmoid(2.0 - 1.3 * torch.tensor(5.0).log() - 0.6 * torch.tensor(2.0).log() + 1.0)
    assert gamma[4, 3] == pytest.approx(expected.item())


def test_last_clicks_counts_ranks_from_one():
    clicks_BK = torch.tensor([[0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0]], dtype=torch.uint8)
    assert last_clicks(clicks_BK).tolist() == [[0, 0, 2, 2, 4], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]]


def test_the_probabilities_of_all_click_vectors_sum_to_one(folder: Path):
    torch.manual_seed(0)
    workload = tiny(data={**DATA, "ranks": 5})
    model = workload.build_model().double()
    nn.init.normal_(model.examination, std=2.0)
    clicks_BK = torch.tensor(list(itertools.product((0, 1), repeat=5)))
    ids_BK, features_BKD = torch.arange(5).expand(32, 5), torch.randn(5, 4, dtype=torch.float64).expand(32, 5, 4)
    logits = model(ids_BK, features_BKD, last_clicks(clicks_BK))
    log_p_B = -cross_entropy(*log_likelihoods(logits), clicks_BK.double()).sum(dim=1)
    assert log_p_B.exp().sum().item() == pytest.approx(1, abs=1e-12)
    alpha_K, gamma = logits[0, :, 0].sigmoid(), model.examination.sigmoid().view(5, 6)
    skip_all = torch.stack([1 - gamma[k, 0] * alpha_K[k] for k in range(5)]).prod()
    assert log_p_B[0].exp().item() == pytest.approx(skip_all.item(), abs=1e-12)
    assert log_p_B[0b10010].exp().item() == pytest.approx(
        (
            gamma[0, 0] * alpha_K[0] * (1 - gamma[1, 1] * alpha_K[1]) * (1 - gamma[2, 1] * alpha_K[2])
            * gamma[3, 1] * alpha_K[3] * (1 - gamma[4, 4] * alpha_K[4])
        ).item(),
        abs=1e-12,
    )  # fmt: skip


def test_the_likelihood_is_finite_for_extreme_logits():
    corners = torch.tensor(list(itertools.product((-90.0, 0.0, 90.0), repeat=2)), requires_grad=True)
    click, skip = log_likelihoods(corners)
    (click + skip).sum().backward()
    assert torch.isfinite(torch.stack((click, skip))).all()
    assert torch.isfinite(corners.grad).all()
    torch.testing.assert_close(click.exp() + skip.exp(), torch.ones(9))


def test_the_gain_is_one_for_the_truth_and_zero_for_the_rate_by_rank(folder: Path):
    p_SK = tiny().load(folder, "valid").p_SK.double()
    rate_SK = p_SK.mean(dim=0).expand_as(p_SK)
    assert normalised_gain(p_SK.log(), torch.log1p(-p_SK), p_SK) == pytest.approx(1, abs=1e-12)
    assert normalised_gain(rate_SK.log(), torch.log1p(-rate_SK), p_SK) == pytest.approx(0, abs=1e-12)


def test_a_batch_repeats_bitwise(folder: Path):
    workload = tiny()
    data = workload.load(folder, "train")
    ids = torch.tensor([4, 9, 0])
    first, second = workload.batch(data, ids, torch.Generator()), workload.batch(data, ids, None)
    assert all(torch.equal(a, b) for a, b in zip(first.inputs, second.inputs, strict=True))
    shown_BK, features_BKD, _ = first.inputs
    assert torch.equal(features_BKD[1, 2], data.features[shown_BK[1, 2]])
    assert torch.equal(first.targets, data.clicks_SK[ids].float())


def test_losses_are_the_mean_over_the_ranks_of_each_session(folder: Path):
    workload = tiny()
    model = workload.build_model()
    batch = workload.batch(workload.load(folder, "train"), torch.arange(6), None)
    p_BK = model(*batch.inputs).sigmoid().prod(dim=-1)
    by_hand = nn.functional.binary_cross_entropy(p_BK, batch.targets, reduction="none").mean(dim=1)
    losses = workload.losses(model, batch)
    assert losses.shape == (6,)
    torch.testing.assert_close(losses, by_hand)


def test_every_parameter_has_its_role():
    model = tiny().build_model()
    roles = tiny().roles(model)
    assert list(roles) == [name for name, _ in model.named_parameters()]
    assert roles == {
        "examination": "scalar",
        "embedding.weight": "embedding",
        "hidden.0.weight": "hidden",
        "hidden.0.bias": "bias",
        "hidden.1.weight": "hidden",
        "hidden.1.bias": "bias",
        "head.weight": "head",
        "head.bias": "bias",
    }


def test_the_global_seed_decides_the_model():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(tiny().build_model().state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["embedding.weight"], states[2]["embedding.weight"])


def test_a_few_steps_lower_the_loss_and_raise_the_gain(folder: Path):
    torch.manual_seed(0)
    workload = tiny()
    train, valid = workload.load(folder, "train"), workload.load(folder, "valid")
    model = workload.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-2)
    with torch.no_grad():
        before = workload.evaluate(model, valid)
    for step in range(40):
        optimizer.zero_grad()
        workload.losses(model, workload.batch(train, torch.arange(64) + 64 * step, None)).mean().backward()
        optimizer.step()
    with torch.no_grad():
        after, again = workload.evaluate(model, valid), workload.evaluate(model, valid)
    assert after.loss < before.loss - 0.05
    assert after.metric > before.metric + 0.5
    assert after == again


def test_an_unknown_setting_is_a_user_error():
    with pytest.raises(UserError, match=r"click/tiny.*hiden"):
        tiny(model={**MODEL, "hiden": 3})
