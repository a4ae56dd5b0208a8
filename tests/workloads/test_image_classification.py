"""What the image workloads promise alike: batches, losses, evaluation, roles."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from harness.errors import UserError
from harness.workload import WorkloadConfig
from workloads.image_classification import ImageClassification, ImageSplit
from workloads.resnet.workload import ResNetWorkload
from workloads.vit.workload import ViTWorkload

CLASSES = {"vit": ViTWorkload, "resnet": ResNetWorkload}
CONFIGS = Path(__file__).parents[2] / "configs" / "workload"


def read_config(name: str) -> WorkloadConfig:
    """The cpu tier with very few samples."""
    config = WorkloadConfig(**yaml.safe_load((CONFIGS / name / "cpu.yaml").read_text()))
    return replace(config, data={**config.data, "train": 96, "valid": 130, "test": 32})


@pytest.fixture(scope="module", params=CLASSES)
def workload(request: pytest.FixtureRequest) -> ImageClassification:
    return CLASSES[request.param](read_config(request.param))


@pytest.fixture(scope="module")
def load(workload: ImageClassification, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ImageSplit]:
    folder = tmp_path_factory.mktemp(workload.config.name)
    workload.make_data(folder)
    return lambda split: workload.load(folder, split)


@pytest.fixture
def train(load: Callable[[str], ImageSplit]) -> ImageSplit:
    return load("train")


def normalised(images_BHWC: Tensor) -> Tensor:
    return ((images_BHWC.float() - 128) / 64).permute(0, 3, 1, 2)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("part", ["model", "data"])
def test_an_unknown_setting_is_the_users_error(workload: ImageClassification, part: str) -> None:
    wrong = replace(workload.config, **{part: {**getattr(workload.config, part), "dept": 3}})
    with pytest.raises(UserError, match="dept"):
        type(workload)(wrong)


def test_splits_have_the_configured_sizes_and_differ(load: Callable[[str], ImageSplit]) -> None:
    splits = {name: load(name) for name in ("train", "valid", "test")}
    assert {name: len(split) for name, split in splits.items()} == {"train": 96, "valid": 130, "test": 32}
    assert len({split.images_NHWC[:32].numpy().tobytes() for split in splits.values()}) == 3


def test_a_batch_without_generator_is_the_normalised_images(workload: ImageClassification, train: ImageSplit) -> None:
    ids = torch.tensor([5, 0, 95])
    batch = workload.batch(train, ids, None)
    assert torch.equal(batch.ids, ids)
    assert torch.equal(batch.inputs[0], normalised(train.images_NHWC[ids]))
    assert torch.equal(batch.targets, train.labels_N[ids])


def test_batches_repeat_by_seed(workload: ImageClassification, train: ImageSplit) -> None:
    ids = torch.arange(32)
    first, again, other = (workload.batch(train, ids, generator(seed)).inputs[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_augmentation_shifts_each_image_by_itself_and_does_nothing_else(workload: ImageClassification, train: ImageSplit) -> None:
    ids = torch.arange(96)
    shifted = workload.batch(train, ids, generator(0)).inputs[0]
    padded = torch.nn.functional.pad(normalised(train.images_NHWC), (2, 2, 2, 2))
    side = shifted.shape[-1]
    places = set()
    for image, source in zip(shifted, padded, strict=True):
        matches = [(y, x) for y in range(5) for x in range(5) if torch.equal(image, source[:, y : y + side, x : x + side])]
        assert len(matches) == 1
        places.update(matches)
    assert len(places) > 20


def test_initial_weights_depend_on_the_global_generator_alone(workload: ImageClassification) -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([parameter.detach().flatten() for parameter in workload.build_model().parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_every_parameter_has_a_role_and_is_contiguous(workload: ImageClassification) -> None:
    model = workload.build_model()
    roles = workload.roles(model)
    assert list(roles) == [name for name, _ in model.named_parameters()]
    for name, parameter in model.named_parameters():
        assert (parameter.ndim == 1) == (roles[name] in ("norm", "bias")), name
        assert parameter.is_contiguous(), name


def test_losses_are_label_smoothed_cross_entropies(workload: ImageClassification, train: ImageSplit) -> None:
    torch.manual_seed(0)
    model = workload.build_model()
    torch.nn.init.normal_(model.head.weight)
    batch = workload.batch(train, torch.arange(8), None)
    losses = workload.losses(model, batch)
    log_p = model(*batch.inputs).log_softmax(dim=1)
    by_hand = -0.9 * log_p[torch.arange(8), batch.targets] - 0.1 * log_p.mean(dim=1)
    assert losses.shape == (8,)
    torch.testing.assert_close(losses.mean(), by_hand.mean())
    torch.testing.assert_close(losses, by_hand)


def test_the_loss_falls(workload: ImageClassification, train: ImageSplit) -> None:
    torch.manual_seed(0)
    model = workload.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = workload.batch(train, torch.arange(32), None)
    history = []
    for _ in range(12):
        loss = workload.losses(model, batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < history[0] - 0.3


def test_evaluation_covers_the_split_and_leaves_no_trace(workload: ImageClassification, load: Callable[[str], ImageSplit]) -> None:
    torch.manual_seed(0)
    model, valid = workload.build_model(), load("valid")
    torch.nn.init.normal_(model.head.weight)
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        first, again = workload.evaluate(model, valid), workload.evaluate(model, valid)
        batch = workload.batch(valid, torch.arange(len(valid)), None)
        wrong = model(*batch.inputs).argmax(dim=1) != valid.labels_N
        loss = workload.losses(model, batch).mean().item()
    assert first == again
    assert first.metric == pytest.approx(wrong.float().mean().item(), abs=1e-6)
    assert first.loss == pytest.approx(loss, rel=1e-4)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
