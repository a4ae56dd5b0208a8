"""Stroke glyphs: a self-made image classification task of any size, for tiers whose data need no download.

A class is a polyline of six points. A sample bends it, poses it and draws it with anti-aliased strokes between a random background and
random noise. Every number of a sample is a hash of (seed, stream, sample id), so a sample is the same alone, in any batch, on any machine:
the arithmetic is + − × ÷ √ element by element, which IEEE 754 fixes to the last bit, and sums are written out in order.

Letters: N samples, P points of a polyline, X their two coordinates, S strokes, G nodes of the background's grid, H and W pixels, C colour
channels. Coordinates are in [-1, 1], x to the right, y down; colours are in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data import write_columns
from harness.salt import split_seed

CLASSES = 16
FAMILIES = 4
POINTS = 6
SHAPE_SEED = 7
SPLIT_SEEDS = {"train": 11, "valid": 12, "test": 13}

_DISTRACTORS = 2
_NODES = 5  # of the background's grid, on a side
_CHUNK = 100  # samples drawn at once: the arrays stay in the processor's cache

Float = NDArray[np.floating]
Integers = NDArray[np.int64]


class Stream(IntEnum):
    """What a random number is for; different streams are independent."""

    SHAPE = 0
    LABEL = 1
    JITTER = 2
    POSE = 3
    DISTRACTOR = 4
    HALF_WIDTH = 5
    COLOUR = 6
    BACKGROUND = 7
    NOISE = 8


@dataclass(frozen=True)
class GlyphStyle:
    """How the glyphs of one data set look, hence how hard they are.

    Args:
        noise: half-width of the triangular noise, in units of the full colour range.
        hardness: scales the jitter of points, the rotation and the shear.
        translation: width of the range of a glyph's centre on both axes.
        distractor_opacity: of the two straight strokes behind the glyph.
        background_brightness: the background's colours are uniform between 0 and this.
        contrast: the channels of bright strokes are uniform in [contrast, 1], those of dark ones in [0, 1 - contrast].
        always_bright: whether all strokes are bright; otherwise a glyph is dark where the background's mean is above one half, bright
            elsewhere, and distractors have any colour.
    """

    noise: float
    hardness: float
    translation: float
    distractor_opacity: float
    background_brightness: float
    contrast: float
    always_bright: bool


def uniforms(seed: int, stream: Stream, ids_N: Integers, count: int) -> Float:
    """Returns `count` numbers in [0, 1) for each sample id, shape (N, count), float64.

    The numbers are the top 53 bits of splitmix64, started anew for each sample from a hash of seed, stream and id.

    References:
        Steele, Lea, Flood: Fast splittable pseudorandom number generators. OOPSLA 2014.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    stream_key = _mix(_mix(np.array([seed], np.uint64) + golden) + np.uint64(stream))
    sample_keys_N = _mix(stream_key + ids_N.astype(np.uint64) * golden)
    counters = np.arange(1, count + 1, dtype=np.uint64) * golden
    return (_mix(sample_keys_N[:, None] + counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def class_shapes() -> Float:
    """Returns the polylines of all classes, shape (CLASSES, POINTS, 2).

    Class k belongs to family k mod FAMILIES: it is the family's base with two points (perhaps the same one twice) drawn anew.
    """
    bases = uniforms(SHAPE_SEED, Stream.SHAPE, np.arange(FAMILIES), 2 * POINTS).reshape(FAMILIES, POINTS, 2)
    redrawn = uniforms(SHAPE_SEED, Stream.SHAPE, FAMILIES + np.arange(CLASSES), 6).reshape(CLASSES, 2, 3)
    shapes = np.stack([bases[k % FAMILIES] for k in range(CLASSES)])
    for k in range(CLASSES):
        for which, x, y in redrawn[k]:
            shapes[k, int(which * POINTS)] = x, y
    return 0.85 * (2 * shapes - 1)


def labels(seed: int, count: int) -> Integers:
    """Returns the classes of samples 0 to count - 1 of a split, shape (count,): balanced (to within one) and shuffled."""
    order = np.argsort(uniforms(seed, Stream.LABEL, np.arange(count), 1)[:, 0], kind="stable")
    return order % CLASSES


def draw_split(style: GlyphStyle, pixels: int, seed: int, count: int) -> tuple[NDArray[np.uint8], Integers]:
    """Returns the images (N, pixels, pixels, 3) and the labels (N,) of a whole split."""
    labels_N = labels(seed, count)
    chunks = [np.arange(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    return np.concatenate([draw(style, pixels, seed, ids, labels_N[ids]) for ids in chunks]), labels_N


def write_splits(folder: Path, style: GlyphStyle, pixels: int, sizes: Mapping[str, int], salt: bytes | None = None) -> None:
    """Writes the columns `image` (uint8) and `label` of each split, in as many samples as `sizes` says, to a sub-folder of its name."""
    for split, count in sizes.items():
        images_NHWC, labels_N = draw_split(style, pixels, split_seed(SPLIT_SEEDS[split], split, salt), count)
        write_columns(folder / split, {"image": images_NHWC, "label": labels_N})


def draw(style: GlyphStyle, pixels: int, seed: int, ids_N: Integers, labels_N: Integers) -> NDArray[np.uint8]:
    """Draws the samples with these ids and classes.

    Returns:
        Images of shape (N, pixels, pixels, 3).
    """
    background_NGGC = style.background_brightness * uniforms(seed, Stream.BACKGROUND, ids_N, 3 * _NODES**2).reshape(-1, _NODES, _NODES, 3)
    colours_NSC = _stroke_colours(style, seed, ids_N, background_NGGC)
    half_widths_NS = 0.05 + 0.06 * uniforms(seed, Stream.HALF_WIDTH, ids_N, 1 + _DISTRACTORS)
    distractors_NSPX = 2 * uniforms(seed, Stream.DISTRACTOR, ids_N, 4 * _DISTRACTORS).reshape(-1, _DISTRACTORS, 2, 2) - 1

    image_NHWC = _interpolate(background_NGGC, pixels)
    for s in range(_DISTRACTORS):
        cover_NHW = _coverage(distractors_NSPX[:, s], half_widths_NS[:, 1 + s], pixels) * np.float32(style.distractor_opacity)
        _paint(image_NHWC, colours_NSC[:, 1 + s], cover_NHW)
    _paint(image_NHWC, colours_NSC[:, 0], _coverage(_polylines(style, seed, ids_N, labels_N), half_widths_NS[:, 0], pixels))
    image_NHWC += style.noise * _triangular(seed, Stream.NOISE, ids_N, image_NHWC[0].size).reshape(image_NHWC.shape)
    return np.rint(255 * np.clip(image_NHWC, 0, 1)).astype(np.uint8)


def _polylines(style: GlyphStyle, seed: int, ids_N: Integers, labels_N: Integers) -> Float:
    """Returns the jittered and posed polylines, shape (N, POINTS, 2)."""
    jitter_NPX = _triangular(seed, Stream.JITTER, ids_N, 2 * POINTS).reshape(-1, POINTS, 2)
    points_NPX = class_shapes()[labels_N] + 0.30 * style.hardness * jitter_NPX
    rotation, scale, aspect, shear, shift_x, shift_y = uniforms(seed, Stream.POSE, ids_N, 6).T[:, :, None]
    t = 0.25 * style.hardness * (2 * rotation - 1)  # the tangent of half the angle
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    x = (0.75 + 0.5 * aspect) * (points_NPX[:, :, 0] + 0.3 * style.hardness * (2 * shear - 1) * points_NPX[:, :, 1])
    y = points_NPX[:, :, 1]
    scale = 0.55 + 0.4 * scale
    return np.stack(
        [
            scale * (cosine * x - sine * y) + style.translation * (shift_x - 0.5),
            scale * (sine * x + cosine * y) + style.translation * (shift_y - 0.5),
        ],
        axis=-1,
    )


def _stroke_colours(style: GlyphStyle, seed: int, ids_N: Integers, background_NGGC: Float) -> Float:
    """Returns the colours of the glyph, then of the distractors, shape (N, 1 + _DISTRACTORS, 3).

    The background's brightness is added up in order, so that its bits are the same on every machine.
    """
    brightness_N = np.zeros(len(ids_N))
    for value_N in background_NGGC.reshape(len(ids_N), -1).T:
        brightness_N += value_N
    colours_NSC = uniforms(seed, Stream.COLOUR, ids_N, 3 * (1 + _DISTRACTORS)).reshape(len(ids_N), -1, 3)
    if style.always_bright:
        return style.contrast + (1 - style.contrast) * colours_NSC
    bright_N = brightness_N < 0.5 * background_NGGC[0].size
    colours_NSC[:, 0] = (1 - style.contrast) * colours_NSC[:, 0] + np.where(bright_N, style.contrast, 0)[:, None]
    return colours_NSC


def _interpolate(nodes_NGGC: Float, pixels: int) -> Float:
    """Returns the bilinear interpolation of a grid of colours that spans the image, shape (N, H, W, 3), float32."""
    position = (np.arange(pixels) + 0.5) / pixels * (_NODES - 1)
    left = np.floor(position).astype(np.int64)
    weight = (position - left).astype(np.float32)
    nodes = nodes_NGGC.astype(np.float32)
    rows = nodes[:, left] + weight[:, None, None] * (nodes[:, left + 1] - nodes[:, left])
    return rows[:, :, left] + weight[:, None] * (rows[:, :, left + 1] - rows[:, :, left])


def _coverage(points_NPX: Float, half_width_N: Float, pixels: int) -> Float:
    """Returns how much of each pixel a polyline covers, shape (N, H, W), float32: a ramp one pixel wide at the edge of the stroke."""
    centres = ((2 * np.arange(pixels) + 1) / pixels - 1).astype(np.float32)
    points = points_NPX.astype(np.float32)
    squared_NHW = np.full((len(points), pixels, pixels), np.inf, np.float32)
    for start, end in zip(points.swapaxes(0, 1)[:-1], points.swapaxes(0, 1)[1:], strict=True):
        way_x, way_y = (end - start).T[:, :, None]
        to_x, to_y = centres - start[:, :1], centres - start[:, 1:]
        length = np.maximum(way_x * way_x + way_y * way_y, np.float32(1e-6))
        along_NHW = np.clip((to_y * way_y / length)[:, :, None] + (to_x * way_x / length)[:, None, :], 0, 1)
        off_x = to_x[:, None, :] - along_NHW * way_x[:, None]
        off_y = to_y[:, :, None] - along_NHW * way_y[:, None]
        np.minimum(squared_NHW, off_x * off_x + off_y * off_y, out=squared_NHW)
    inside_NHW = half_width_N.astype(np.float32)[:, None, None] - np.sqrt(squared_NHW)
    return np.clip(inside_NHW * np.float32(pixels / 2) + np.float32(0.5), 0, 1)


def _paint(image_NHWC: Float, colour_NC: Float, cover_NHW: Float) -> None:
    """Blends one colour per sample into the images, in place."""
    image_NHWC += cover_NHW[..., None] * (colour_NC.astype(np.float32)[:, None, None] - image_NHWC)


def _triangular(seed: int, stream: Stream, ids_N: Integers, count: int) -> Float:
    """Returns numbers in [-1, 1) with a triangular density that peaks at zero, shape (N, count)."""
    first, second = np.split(uniforms(seed, stream, ids_N, 2 * count), 2, axis=1)
    return first + second - 1


def _mix(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of splitmix64."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
