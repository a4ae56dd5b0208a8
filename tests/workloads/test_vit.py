"""What is particular to the vision transformer."""

import math

import pytest
import torch

from workloads.vit.model import Attention, ModelConfig, VisionTransformer, sincos_positions
from workloads.vit.workload import WORKLOAD, ViTWorkload

CONFIG = ModelConfig(classes=16, patch=4, width=64, depth=3, heads=4, mlp_width=192)


@pytest.fixture
def model() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(CONFIG, pixels=24)


def test_it_has_129_thousand_parameters(model: VisionTransformer) -> None:
    assert WORKLOAD is ViTWorkload
    assert sum(parameter.numel() for parameter in model.parameters()) == 129_136


def test_it_starts_undecided(model: VisionTransformer) -> None:
    logits = model(torch.randn(2, 3, 24, 24))
    assert torch.equal(logits, torch.zeros(2, 16))
    assert torch.nn.functional.cross_entropy(logits, torch.tensor([3, 4])).item() == pytest.approx(math.log(16))


def test_every_place_has_its_own_code() -> None:
    positions_LD = sincos_positions(side=6, width=64)
    assert positions_LD.shape == (36, 64)
    distances = torch.cdist(positions_LD, positions_LD) + 100 * torch.eye(36)
    assert distances.min() > 0.5


def test_the_order_of_patches_matters(model: VisionTransformer) -> None:
    torch.nn.init.normal_(model.head.weight)
    images = torch.randn(1, 3, 24, 24)
    assert not torch.allclose(model(images), model(images.roll(4, dims=3)), atol=1e-3)


def test_attention_does_not_depend_on_the_scale_of_queries_and_keys() -> None:
    torch.manual_seed(0)
    attention, tokens = Attention(width=64, heads=4), torch.randn(2, 9, 64)
    expected = attention(tokens)
    with torch.no_grad():
        attention.qkv.weight[:128] *= 10
        attention.qkv.bias[:128] *= 10
    torch.testing.assert_close(attention(tokens), expected, rtol=1e-3, atol=1e-4)
