"""Salted held-out data: the salt moves them and nothing else, and without one all data are, bit by bit, what they always were."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from harness.data import read_columns
from harness.workload import Workload, WorkloadConfig
from workloads.click.workload import ClickModel
from workloads.lm.workload import LanguageModel
from workloads.resnet.workload import ResNetWorkload
from workloads.vit.workload import ViTWorkload

CONFIGS = Path(__file__).parents[2] / "configs" / "workload"
IMAGES = {"train": 96, "valid": 130, "test": 32}
SESSIONS = {"queries": 50, "documents": 12, "features": 4, "ranks": 10, "train_sessions": 3000, "held_out_sessions": 500}
DRAWN = {"vit": (ViTWorkload, IMAGES), "resnet": (ResNetWorkload, IMAGES), "click": (ClickModel, SESSIONS)}
PUBLIC = {
    "vit": {"train": "a5fc215e03363e58", "valid": "c0569db6797ed4a9", "test": "40ea1c5da659e918"},
    "resnet": {"train": "e7d00bd583d883cb", "valid": "271017423fb6e6d0", "test": "87a3f9b8de0ada32"},
    "click": {"train": "b39f62799a0ce9fa", "valid": "d461b31684d3dd54", "test": "0fd4d7d06406bd9e"},
}
SALTS = (None, b"a salt of sixteen", b"another of such a")


def workload(name: str) -> Workload:
    kind, data = DRAWN[name]
    config = WorkloadConfig(**yaml.safe_load((CONFIGS / name / "cpu.yaml").read_text()))
    return kind(replace(config, data={**config.data, **data}))


def digest(folder: Path) -> str:
    """Of all columns but the true probabilities, whose last bit may differ between kinds of CPU."""
    columns = read_columns(folder)
    return hashlib.sha256(b"".join(columns[name].numpy().tobytes() for name in sorted(columns) if name != "p")).hexdigest()[:16]


@pytest.fixture(scope="module", params=DRAWN)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[bytes | None, Path]]:
    """A workload's name, and its data without a salt and with two."""
    folders = {salt: tmp_path_factory.mktemp(request.param) for salt in SALTS}
    for salt, folder in folders.items():
        workload(request.param).make_data(folder, salt)
    return request.param, folders


def test_without_a_salt_all_is_as_it_was(made: tuple[str, dict[bytes | None, Path]]) -> None:
    name, folders = made
    assert {split: digest(folders[None] / split) for split in PUBLIC[name]} == PUBLIC[name]


def test_a_salt_moves_what_is_held_out_and_nothing_else(made: tuple[str, dict[bytes | None, Path]]) -> None:
    name, folders = made
    assert workload(name).draws_held_out
    for part in (part.name for part in folders[None].iterdir() if part.name in ("train", "shared")):
        assert len({digest(folder / part) for folder in folders.values()}) == 1
    held_out = {digest(folder / split) for folder in folders.values() for split in ("valid", "test")}
    assert len(held_out) == 2 * len(SALTS)
    for split in ("valid", "test"):
        forms = {
            str({column: (values.shape, values.dtype) for column, values in read_columns(f / split).items()}) for f in folders.values()
        }
        assert len(forms) == 1


def test_salted_images_are_of_all_classes_alike(made: tuple[str, dict[bytes | None, Path]]) -> None:
    name, folders = made
    if name == "click":
        probabilities = [read_columns(folder / "valid")["p"].mean().item() for folder in folders.values()]
        assert max(probabilities) - min(probabilities) < 0.05
    else:
        counts = [torch.bincount(read_columns(folder / "valid")["label"]) for folder in folders.values()]
        assert all(torch.equal(count, counts[0]) for count in counts)


def test_real_text_is_not_drawn() -> None:
    assert not LanguageModel.draws_held_out
