"""What is particular to the residual network."""

import pytest
import torch

from workloads.resnet.model import Block, ModelConfig, ResNet
from workloads.resnet.workload import WORKLOAD, ResNetWorkload


@pytest.fixture
def model() -> ResNet:
    torch.manual_seed(0)
    return ResNet(ModelConfig(classes=16, widths=(16, 32, 64)))


def test_it_has_78_thousand_parameters(model: ResNet) -> None:
    assert WORKLOAD is ResNetWorkload
    assert sum(parameter.numel() for parameter in model.parameters()) == 78_432


def test_a_block_starts_as_its_shortcut() -> None:
    features = torch.randn(4, 16, 8, 8)
    torch.testing.assert_close(Block(16, 16, stride=1)(features), features.relu())


def test_stages_halve_the_image(model: ResNet) -> None:
    assert model.stages(model.stem(torch.randn(2, 3, 32, 32))).shape == (2, 64, 4, 4)


def test_evaluation_uses_the_running_statistics(model: ResNet) -> None:
    images = torch.randn(8, 3, 32, 32)
    model(images)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(model(images[:1]), model(images)[:1])


def test_activations_stay_channels_last(model: ResNet) -> None:
    features = model.stages(model.stem(torch.randn(2, 32, 32, 3).permute(0, 3, 1, 2)))
    assert features.is_contiguous(memory_format=torch.channels_last)
