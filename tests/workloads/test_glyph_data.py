"""The glyph data sets: the same bits everywhere, balanced, different in every split."""

import hashlib

import numpy as np
import pytest

from workloads import glyph_data as glyphs
from workloads.resnet import data as resnet_data
from workloads.vit import data as vit_data

SETS = {"vit": (vit_data.STYLE, 24, 8000), "resnet": (resnet_data.STYLE, 32, 20000)}
GOLDEN = {"vit": "17b613a95437ed8a", "resnet": "01726a9ea60e6d99"}


@pytest.mark.parametrize("name", SETS)
def test_the_first_training_images_never_change(name: str) -> None:
    style, pixels, count = SETS[name]
    ids = np.arange(32)
    labels = glyphs.labels(glyphs.SPLIT_SEEDS["train"], count)[ids]
    images = glyphs.draw(style, pixels, glyphs.SPLIT_SEEDS["train"], ids, labels)
    assert images.shape == (32, pixels, pixels, 3)
    assert hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("name", SETS)
def test_a_sample_is_the_same_alone_and_in_any_company(name: str) -> None:
    style, pixels, _ = SETS[name]
    images, labels = glyphs.draw_split(style, pixels, seed=11, count=130)
    for sample in (17, 129):
        alone = glyphs.draw(style, pixels, 11, np.array([sample]), labels[[sample]])
        assert np.array_equal(alone[0], images[sample])


def test_labels_are_balanced_and_shuffled() -> None:
    labels = glyphs.labels(seed=11, count=1600)
    assert np.array_equal(np.bincount(labels), np.full(glyphs.CLASSES, 100))
    assert np.bincount(labels[:160]).std() > 0
    assert not np.array_equal(labels, glyphs.labels(seed=12, count=1600))


def test_splits_differ() -> None:
    style, pixels, _ = SETS["vit"]
    labels = np.zeros(8, np.int64)
    drawn = {glyphs.draw(style, pixels, seed, np.arange(8), labels).tobytes() for seed in glyphs.SPLIT_SEEDS.values()}
    assert len(drawn) == 3


def test_samples_of_a_class_differ_and_so_do_classes() -> None:
    style, pixels, _ = SETS["resnet"]
    same_class = glyphs.draw(style, pixels, 11, np.arange(2), np.array([3, 3]))
    other_class = glyphs.draw(style, pixels, 11, np.array([0]), np.array([4]))
    assert not np.array_equal(same_class[0], same_class[1])
    assert not np.array_equal(same_class[0], other_class[0])


def test_class_shapes_share_most_points_with_their_family() -> None:
    shapes = glyphs.class_shapes()
    assert shapes.shape == (glyphs.CLASSES, glyphs.POINTS, 2)
    assert np.abs(shapes).max() <= 0.85
    for a in range(glyphs.CLASSES):
        for b in range(a):
            moved = (shapes[a] != shapes[b]).any(axis=1).sum()
            assert 1 <= moved <= 4 if (a - b) % glyphs.FAMILIES == 0 else moved == glyphs.POINTS


def test_uniforms_cover_the_unit_interval_and_streams_are_independent() -> None:
    ids = np.arange(2000)
    first, second = (glyphs.uniforms(11, stream, ids, 4) for stream in (glyphs.Stream.POSE, glyphs.Stream.COLOUR))
    assert first.min() >= 0
    assert first.max() < 1
    assert abs(first.mean() - 0.5) < 0.02
    assert abs(first.var() - 1 / 12) < 0.005
    assert np.abs(np.corrcoef(np.concatenate([first, second], axis=1).T) - np.eye(8)).max() < 0.1
